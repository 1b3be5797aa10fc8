//! Every protocol, and what the requests are.

use std::fs;

use serde_json::json;

use crate::bench;
use crate::process::{Server, run};

#[test]
fn every_protocol_is_measured_over_every_socket() {
    let folder = tempfile::tempdir().unwrap();
    let unix = |name: &str| folder.path().join(name).display().to_string();
    let (uwsgi, http, fastcgi, scgi) = (unix("uwsgi"), unix("http"), unix("fastcgi"), unix("scgi"));
    let server = Server::start(&[
        "hello",
        "--uwsgi",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--fastcgi",
        "127.0.0.1:0",
        "--scgi",
        "127.0.0.1:0",
        "--uwsgi",
        &uwsgi,
        "--http",
        &http,
        "--fastcgi",
        &fastcgi,
        "--scgi",
        &scgi,
        "--workers",
        "2",
    ]);
    let mut addresses: Vec<String> =
        [("uwsgi", &uwsgi), ("http", &http), ("fastcgi", &fastcgi), ("scgi", &scgi)]
            .map(|(name, path)| format!("{name}://{path}"))
            .to_vec();
    addresses.push(format!("uwsgi://{}", server.address));
    addresses.extend(["http", "fastcgi", "scgi"].map(|name| {
        let line = server.line(&format!("Listening on {name}://127.0.0.1:"));
        line.strip_prefix("Listening on ").unwrap().to_owned()
    }));
    for address in &addresses {
        for more in [&[][..], &["--close"], &["--threads", "2"], &["--spin"], &["--rate", "1000"]] {
            let args =
                [&[address.as_str(), "/hello", "-n", "200", "-c", "4", "--expect", "Hello, World"], more]
                    .concat();
            let told = bench(&args);
            assert_eq!((&told["requests"], &told["failed"]["all"]), (&json!(200), &json!(0)), "{args:?}");
            assert_eq!(told["statuses"], json!({"200": 200}));
            assert_eq!(told["target"].as_str().unwrap().split("://").next(), address.split("://").next());
            let stays = !more.contains(&"--close")
                && ["http", "fastcgi"].iter().any(|name| address.starts_with(name));
            assert_eq!(told["load"]["kept_alive"], stays);
            // The owner of a unix socket is found, and its workers with it.
            let processes = told["server"]["processes"].as_u64();
            assert_eq!(processes, address.contains(":///").then_some(3), "{told}");
        }
    }
    server.stop();
}

#[test]
fn system_calls_are_counted_where_the_system_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock").display().to_string();
    let server = Server::start(&["hello", "--uwsgi", "127.0.0.1:0", "--uwsgi", &path, "--workers", "1"]);
    // The warm-up's are not among them.
    let done = run(&["bench", &path, "/hello", "-n", "20000", "--warm-up", "0.2", "--syscalls", "--json"]);
    if done.code == Some(0) {
        let told: serde_json::Value = serde_json::from_slice(&done.out).unwrap();
        crate::schema::holds(&told);
        let each = told["server"]["syscalls"].as_f64().unwrap() / 20_000.0;
        // accept, read, write, close, and a part of a wait.
        assert!((3.9..12.0).contains(&each), "{each} of {told}");
    } else {
        assert!(
            done.err.starts_with("tidegate: --syscalls: ") && done.err.lines().count() == 1,
            "{}",
            done.err
        );
    }
    let done = run(&["bench", &server.address, "/hello", "--syscalls"]);
    assert!(done.err.ends_with(" is not known: give --pid\n"), "{}", done.err);
    let told = bench(&[&path, "/hello", "-n", "10"]);
    assert_eq!(told["server"]["syscalls"], serde_json::Value::Null);
    server.stop();
}

#[test]
fn a_request_is_what_nginx_sends_for_a_browser_and_what_the_options_say() {
    let server = Server::start(&["environ"]);
    for (args, text) in [
        (&["/a%20b?c=d"][..], "PATH_INFO=/a b\n"),
        (&["/"], "HTTP_ACCEPT_LANGUAGE=en-US,en;q=0.5\n"),
        (&["/", "-H", "Accept-Language: de"], "HTTP_ACCEPT_LANGUAGE=de\n"),
        (&["/", "-X", "DELETE"], "REQUEST_METHOD=DELETE\n"),
        (&["/", "--data", "a=b"], "REQUEST_METHOD=POST\n"),
        (&["/", "--data", "a=b"], "CONTENT_LENGTH=3\n"),
    ] {
        let told = bench(
            &[&[server.address.as_str()], args, &["-H", "Accept: text/plain", "-n", "20", "--expect", text]]
                .concat(),
        );
        assert_eq!(told["requests"], 20);
    }
    server.stop();
    let echo = Server::start(&["echo"]);
    let body = tempfile::NamedTempFile::new().unwrap();
    // More than a socket takes at once, with an end that must arrive.
    fs::write(body.path(), [vec![b'x'; 3 << 20], b"the end".to_vec()].concat()).unwrap();
    let file = body.path().to_str().unwrap();
    let told = bench(&[&echo.address, "--data-file", file, "-n", "20", "-c", "4", "--expect", "the end"]);
    assert_eq!((&told["requests"], &told["failed"]["all"]), (&json!(20), &json!(0)), "{told}");
    echo.stop();
}

#[test]
fn requests_come_from_a_file_in_turns_or_at_random() {
    let mut more = vec!["demo"];
    for option in ["--uwsgi", "--http", "--fastcgi", "--scgi"] {
        more.extend([option, "127.0.0.1:0"]);
    }
    let server = Server::start(&more);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let lines = write("lines", b"# what is asked\nGET /hello\nGET /missing\n\nHEAD /hello\n");
    let log = write(
        "log",
        b"::1 - - [10/Oct/2026:13:55:36 +0000] \"GET /hello HTTP/1.1\" 200 13 \"-\" \"-\"\n\
          ::1 - - [10/Oct/2026:13:55:36 +0000] \"\\x16\\x03\" 400 0 \"-\" \"-\"\n\
          ::1 - - [10/Oct/2026:13:55:37 +0000] \"GET /missing HTTP/1.1\" 404 0 \"-\" \"-\"\n",
    );
    let told = bench(&[&server.address, "--requests", &lines, "-n", "30", "--status", "200-404"]);
    assert_eq!(told["statuses"], json!({"200": 20, "404": 10}));
    assert_eq!(told["asked"], json!(["GET /hello", "GET /missing", "HEAD /hello"]));
    let told = bench(&[&server.address, "--requests", &log, "-n", "30", "--status", "200-404"]);
    assert_eq!(told["statuses"], json!({"200": 15, "404": 15}));
    let random = |seed| {
        let told = bench(&[
            &server.address,
            "--requests",
            &lines,
            "-n",
            "200",
            "--status",
            "200-404",
            "--random",
            seed,
        ]);
        told["statuses"]["404"].as_u64().unwrap()
    };
    let seeds = ["1", "1", "2", "3", "4"].map(random);
    assert!(seeds[0] == seeds[1] && seeds.iter().any(|other| *other != seeds[0]), "{seeds:?}");
    // A packet as nginx has sent it: the fixtures are captured.
    let packets = write("packets", &fs::read("fixtures/uwsgi/valid/nginx-get.bin").unwrap());
    let told = bench(&[&server.address, "--requests", &packets, "-n", "10", "--status", "200-404"]);
    assert_eq!((&told["requests"], &told["asked"].as_array().unwrap().len()), (&json!(10), &1));
    let statuses = told["statuses"].clone();
    for name in ["http", "fastcgi", "scgi"] {
        let line = server.line(&format!("Listening on {name}://127.0.0.1:"));
        let address = line.strip_prefix("Listening on ").unwrap();
        let told = bench(&[address, "--requests", &packets, "-n", "10", "--status", "200-404"]);
        assert_eq!(told["statuses"], statuses, "over {name} as over uwsgi");
    }
    let done = run(&["bench", &server.address, "--requests", &packets, "-H", "A: b"]);
    assert!(done.err.contains("packets holds captured packets, which are sent as they are"), "{}", done.err);
    for (name, text, line) in [
        ("empty", &b""[..], "empty has no request"),
        ("wrong", b"GET /hello\nGET\n", "wrong:2: \"GET\": write METHOD PATH"),
        ("path", b"GET hello\n", "path:1: hello: a path begins with /"),
        ("cut", b"\0\xff\0\0", "cut: the packet at offset 0 ends before its length says"),
    ] {
        let done = run(&["bench", &server.address, "--requests", &write(name, text)]);
        assert_eq!(done.code, Some(1));
        assert!(done.err.contains(line), "{}", done.err);
    }
    server.stop();
}
