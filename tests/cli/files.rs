//! What options say of files, and of each response's fields.

use std::fs;
use std::path::Path;

use crate::process::{Done, Server, run, tidegate};

/// A server with these options beside `environ`, for files in this folder.
fn serving(folder: &Path, args: &[&str]) -> Server {
    let mut command = tidegate([&["serve", "environ", "--uwsgi", "127.0.0.1:0"], args].concat());
    command.current_dir(folder);
    Server::spawn(command)
}

fn fields(done: &Done) -> Vec<(String, String)> {
    let (head, _) = done.text().split_once("\r\n\r\n").unwrap_or((done.text(), ""));
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn field(done: &Done, wanted: &str) -> Option<String> {
    fields(done).into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
}

#[test]
fn a_folder_has_other_indexes_or_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("www/sub")).unwrap();
    for (name, text) in [("start.htm", "start"), ("index.html", "index"), ("sub/home.html", "home")] {
        fs::write(folder.path().join("www").join(name), text).unwrap();
    }
    let server = serving(
        folder.path(),
        &["--static", "/=www", "--static-index", "home.html", "--static-index", "start.htm"],
    );
    for (path, want) in [("/", "start"), ("/sub/", "home"), ("/index.html", "index")] {
        assert_eq!(server.request(&[path]).text(), want, "{path}");
    }
    assert_eq!(field(&server.request(&["/sub", "-i"]), "Location").as_deref(), Some("/sub/"));
    server.stop();

    let server = serving(folder.path(), &["--static", "/=www", "--static-index", "-"]);
    for path in ["/", "/sub/", "/sub"] {
        assert!(server.request(&[path]).text().contains("REQUEST_METHOD=GET"), "{path} is the application's");
    }
    assert_eq!(server.request(&["/index.html"]).text(), "index");
    server.stop();
}

#[test]
fn some_files_are_the_applications_and_one_may_be_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("www")).unwrap();
    for name in ["www/a.py", "www/a.txt", "www/index.html.py", "robots.txt"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let server = serving(
        folder.path(),
        &[
            "--static",
            "/=www",
            "--static",
            "/robots.txt=robots.txt",
            "--static-skip-ext",
            ".py",
            "--static-index",
            "index.html.py",
        ],
    );
    for path in ["/a.py", "/", "/robots.txt/x", "/robots.txt/", "/robots.txt2"] {
        assert!(server.request(&[path]).text().contains("REQUEST_METHOD=GET"), "{path} is the application's");
    }
    for (path, want) in [("/a.txt", "www/a.txt"), ("/robots.txt", "robots.txt")] {
        assert_eq!(server.request(&[path]).text(), want);
    }
    fs::remove_file(folder.path().join("robots.txt")).unwrap();
    assert!(server.request(&["/robots.txt"]).text().contains("REQUEST_METHOD=GET"));
    server.stop();
}

#[test]
fn files_expire_by_the_first_rule_that_matches() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.css", "b.js", "c.png", "d.txt"] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    }
    let rules = ["/a[.]css$=mtime+60", "type:^image/=mtime+1", "uri:v=[0-9]$=mtime+3600", "file:/b=mtime+2"];
    let args: Vec<&str> = rules.iter().flat_map(|rule| ["--static-expires", rule]).collect();
    let server = serving(folder.path(), &[&["--static", "/s=."], &args[..]].concat());
    for (path, want) in [
        ("/s/a.css", Some("Sun, 09 Sep 2001 01:47:40 GMT")),
        ("/s/b.js", Some("Sun, 09 Sep 2001 01:46:42 GMT")),
        ("/s/b.js?v=1", Some("Sun, 09 Sep 2001 02:46:40 GMT")),
        ("/s/c.png", Some("Sun, 09 Sep 2001 01:46:41 GMT")),
        ("/s/d.txt", None),
    ] {
        let done = server.request(&[path, "-i"]);
        assert_eq!(field(&done, "Expires").as_deref(), want, "{path}: {}", done.text());
    }
    server.stop();
    let server = serving(folder.path(), &["--static", "/=.", "--static-expires", "=0"]);
    let done = server.request(&["/d.txt", "-i"]);
    // It is now, and a response over uwsgi has no Date to compare with.
    assert!(field(&done, "Expires").unwrap().ends_with(" GMT"), "{}", done.text());
    server.stop();
}

#[test]
fn each_response_has_the_fields_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    let sockets: Vec<String> =
        ["http", "fastcgi", "scgi"].map(|name| folder.path().join(name).display().to_string()).to_vec();
    let server = serving(
        folder.path(),
        &[
            "--static",
            "/s=.",
            "--header",
            "X-Frame-Options: DENY",
            "--header",
            "Content-Type: text/x",
            "--http",
            &sockets[0],
            "--fastcgi",
            &sockets[1],
            "--scgi",
            &sockets[2],
        ],
    );
    let ways =
        [("", &server.address), ("--http", &sockets[0]), ("--fastcgi", &sockets[1]), ("--scgi", &sockets[2])];
    for (protocol, address) in ways {
        for path in ["/", "/s/a.txt", "/s/a.txt?"] {
            let protocol: &[&str] = if protocol.is_empty() { &[] } else { &[protocol] };
            let done = run(&[&["request"], protocol, &[address, path, "-i"]].concat());
            let all = fields(&done);
            let values = |wanted: &str| all.iter().filter(|(name, _)| name == wanted).count();
            // The application's own stays, and stands first, as uWSGI has it.
            assert_eq!((values("X-Frame-Options"), values("Content-Type")), (1, 2), "{}", done.text());
            let last = all.iter().rfind(|(name, _)| name == "Content-Type").unwrap();
            assert_eq!(last.1, "text/x", "{}", done.text());
        }
    }
    let refused = server.request(&["/", "-i", "--var", "CONTENT_LENGTH=x"]);
    assert_eq!(field(&refused, "X-Frame-Options").as_deref(), Some("DENY"), "{}", refused.text());
    server.stop();
    let done = run(&["serve", "hello", "--header", "Connection: close"]);
    assert!(done.err.contains("Connection is the server's"), "{}", done.err);
}
