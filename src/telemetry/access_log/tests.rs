use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::application::environ::Environ;
use crate::application::input::Input;
use crate::application::variables::Variables;
use crate::ascii::Ascii;
use crate::net::stream::Peer;
use crate::telemetry::output::tests::Writes;

fn environ(variables: &[(&str, &[u8])]) -> Environ {
    let mut all = Variables::new();
    for (name, value) in variables {
        all.set(name.as_bytes(), value);
    }
    Environ::new(all, Input::default())
}

fn summary(peer: &Peer) -> Summary<'_> {
    Summary {
        peer,
        request_line: Ascii(b"-"),
        code: 200,
        bytes: 95,
        head_bytes: 60,
        complete: true,
        timed_out: false,
        started: None,
    }
}

/// The line of one request, without its end.
fn line(format: &str, environ: Option<&Environ>, summary: &Summary<'_>) -> String {
    let lines = Writes::default();
    let mut log = AccessLog::new(Box::new(lines.clone()), Format::parse(format).unwrap(), Some(3));
    log.observe(7, Event::Received { peer: summary.peer, bytes: 400 });
    if let Some(environ) = environ {
        log.observe(7, Event::Request { peer: summary.peer, packet: &String::new, environ, file: None });
        log.observe(7, Event::Thread { number: 1, waited: Duration::from_micros(250) });
    }
    log.observe(7, Event::Wrote { parts: &[b"x"], bytes: 95 });
    log.observe(7, Event::Finished(summary));
    assert!(log.requests.is_empty());
    let mut lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 1, "a line is one write: {lines:?}");
    lines.remove(0).strip_suffix('\n').unwrap().to_owned()
}

const CLIENT: (&str, &[u8]) = ("REMOTE_ADDR", b"192.0.2.7");
const USUAL: [(&str, &[u8]); 8] = [
    CLIENT,
    ("REQUEST_METHOD", b"GET"),
    ("REQUEST_URI", b"/a b?c=\"d\"\xff\n"),
    ("SERVER_PROTOCOL", b"HTTP/1.1"),
    ("HTTP_USER_AGENT", b"Mozilla/5.0 (X11) \"quoted\\"),
    ("HTTP_HOST", b"www.example.com"),
    ("HTTP_X_REQUEST_ID", b"1f-2"),
    ("QUERY_STRING", b""),
];

#[test]
fn the_default_has_eight_fields_or_nine() {
    let told = environ(&USUAL);
    let unix = summary(&Peer::Unix);
    let fields = line("default", Some(&told), &unix);
    let fields: Vec<&str> = fields.split(' ').collect();
    assert_eq!(fields[1..6], ["192.0.2.7", "GET", "/a\\x20b?c=\\\"d\\\"\\xff\\n", "200", "95"]);
    assert_eq!(fields.len(), 8);
    let [first, all] = [6, 7].map(|at| fields[at].parse::<u64>().unwrap());
    assert!(first <= all && fields[0].len() == 24);

    for (broken, want) in [
        (Summary { complete: false, code: 0, ..summary(&Peer::Unix) }, "broken-off"),
        (Summary { timed_out: true, code: 504, ..summary(&Peer::Unix) }, "timeout"),
        (Summary { timed_out: true, complete: false, ..summary(&Peer::Unix) }, "timeout"),
    ] {
        let fields = line("default", Some(&told), &broken);
        let fields: Vec<&str> = fields.split(' ').collect();
        assert_eq!((fields.len(), fields[8]), (9, want));
        assert_eq!(fields[4], broken.code.to_string());
    }
}

#[test]
fn what_is_no_request_has_the_peer() {
    let tcp = Peer::Tcp("127.0.0.1:50712".parse().unwrap());
    for (peer, want) in [(&Peer::Unix, "unix - - 200"), (&tcp, "127.0.0.1 - - 200")] {
        let fields = line("default", None, &summary(peer));
        assert_eq!(fields.split(' ').collect::<Vec<_>>()[1..5].join(" "), want);
    }
    // A front end that is not told to send it.
    let nameless = environ(&[("REQUEST_METHOD", b"GET"), ("REMOTE_ADDR", b"")]);
    assert_eq!(line("{remote_addr} {peer}", Some(&nameless), &summary(&tcp)), "127.0.0.1 127.0.0.1:50712");
    assert_eq!(line("{uri}|{user_agent}|{wait_us}", None, &summary(&tcp)), "-|-|-");
}

#[test]
fn combined_is_nginxs() {
    let told = line("combined", Some(&environ(&USUAL)), &summary(&Peer::Unix));
    let (before, rest) = told.split_once('[').unwrap();
    let (time, behind) = rest.split_once(']').unwrap();
    assert_eq!((before, time.len(), &time[20..]), ("192.0.2.7 - - ", 26, " +0000"));
    let want = r#" "GET /a b?c=\x22d\x22\xFF\x0A HTTP/1.1" 200 35 "-" "Mozilla/5.0 (X11) \x22quoted\x5C""#;
    assert_eq!(behind, want);
    let user = environ(&[("REMOTE_USER", b"a user"), ("HTTP_REFERER", b"http://x/"), CLIENT]);
    let nothing = Summary { code: 0, bytes: 0, head_bytes: 0, complete: false, ..summary(&Peer::Unix) };
    let told = line("combined", Some(&user), &nothing);
    assert!(
        told.starts_with("192.0.2.7 - a\\x20user [") && told.ends_with("000 0 \"http://x/\" \"-\""),
        "{told}"
    );
}

#[test]
fn json_is_one_object() {
    let told = line("json", Some(&environ(&USUAL)), &summary(&Peer::Unix));
    let object: serde_json::Value = serde_json::from_str(&told).unwrap();
    for (name, want) in [
        ("remote_addr", serde_json::json!("192.0.2.7")),
        ("remote_user", serde_json::Value::Null),
        ("uri", serde_json::json!("/a b?c=\"d\"\u{fffd}\n")),
        ("protocol", serde_json::json!("HTTP/1.1")),
        ("status", serde_json::json!(200)),
        ("bytes", serde_json::json!(95)),
        ("body_bytes", serde_json::json!(35)),
        ("wait_us", serde_json::json!(250)),
        ("user_agent", serde_json::json!("Mozilla/5.0 (X11) \"quoted\\")),
        ("request_id", serde_json::json!("1f-2")),
        ("worker", serde_json::json!(3)),
        ("thread", serde_json::json!(2)),
        ("ending", serde_json::json!("complete")),
    ] {
        assert_eq!(object[name], want, "{name} of {told}");
    }
    let unknown: serde_json::Value =
        serde_json::from_str(&line("json", None, &Summary { complete: false, ..summary(&Peer::Unix) }))
            .unwrap();
    assert_eq!((&unknown["remote_addr"], &unknown["ending"]), (&"unix".into(), &"broken-off".into()));
    assert!(unknown["method"].is_null() && unknown["thread"].is_null());
}

#[test]
fn a_pattern_of_json_stays_json() {
    let pattern = r#"escape=json {{"line":"{method} {uri}","agent":"{user_agent}","user":"{remote_user?}","status":{status}}}"#;
    let told = line(pattern, Some(&environ(&USUAL)), &summary(&Peer::Unix));
    let object: serde_json::Value = serde_json::from_str(&told).unwrap();
    let want = serde_json::json!({
        "line": "GET /a b?c=\"d\"\u{fffd}\n",
        "agent": "Mozilla/5.0 (X11) \"quoted\\",
        "user": "",
        "status": 200,
    });
    assert_eq!(object, want, "{told}");
}

#[test]
fn a_pattern_has_any_variable() {
    let told = environ(&USUAL);
    for (pattern, want) in [
        ("{{{method}}} w{worker}t{thread} {wait_us} {ending}", "{GET} w3t2 250 complete"),
        ("{var:HTTP_HOST};{var:NONE};{var:QUERY_STRING}", "www.example.com;-;-"),
        ("{request}", "GET\\x20/a\\x20b?c=\\x22d\\x22\\xFF\\x0A\\x20HTTP/1.1"),
        ("\"{uri}\"/{status}", "\"/a b?c=\\x22d\\x22\\xFF\\x0A\"/200"),
    ] {
        assert_eq!(line(pattern, Some(&told), &summary(&Peer::Unix)), want);
    }
    let pid = line("{pid}", Some(&told), &summary(&Peer::Unix));
    assert_eq!(pid, std::process::id().to_string());
}

#[test]
fn a_connection_that_is_kept_has_a_line_for_each_request() {
    let lines = Writes::default();
    let format = Format::parse("{uri} {thread}").unwrap();
    let mut log = AccessLog::new(Box::new(lines.clone()), format, None);
    for uri in [&b"/one"[..], b"/two"] {
        log.observe(7, Event::Received { peer: &Peer::Unix, bytes: 1 });
        log.observe(
            7,
            Event::Request {
                peer: &Peer::Unix,
                packet: &String::new,
                file: None,
                environ: &environ(&[("REQUEST_URI", uri)]),
            },
        );
        log.observe(7, Event::Finished(&summary(&Peer::Unix)));
    }
    // Nothing of a request before is in the line of one that was not understood.
    log.observe(7, Event::Received { peer: &Peer::Unix, bytes: 1 });
    log.observe(7, Event::Finished(&summary(&Peer::Unix)));
    assert_eq!(*lines.0.lock().unwrap(), ["/one -\n", "/two -\n", "- -\n"]);
}

#[test]
fn nothing_is_kept_of_a_connection_that_is_closed() {
    let mut log = AccessLog::new(Box::new(io::sink()), Format::default(), None);
    for connection in 0..100 {
        log.observe(connection, Event::Received { peer: &Peer::Unix, bytes: 1 });
        log.observe(connection, Event::Closed);
    }
    assert!(log.requests.is_empty() && log.spare.len() == 1);
}

#[test]
fn a_line_has_what_uwsgi_s_has() {
    let (start_response, started) =
        crate::application::Started::pair(&environ(&USUAL), &crate::limits::Limits::default(), None);
    start_response.set_note("user_id", b"7 8");
    let noted = Summary { started: Some(&started), ..summary(&Peer::Unix) };
    let with_body =
        environ(&[CLIENT, ("CONTENT_LENGTH", b"12"), ("HTTP_X_FORWARDED_FOR", b"192.0.2.1, 192.0.2.2")]);
    for (pattern, want) in [
        ("{head_bytes} {body_bytes} {bytes} {write_errors}", "60 35 95 0"),
        ("{content_length} {variables} {variables_bytes}", "12 3 88"),
        ("{forwarded_for};{remote_user?};{remote_user}", "192.0.2.1,\\x20192.0.2.2;;-"),
        ("{log:user_id} \"{log:user_id}\" ({log:none?}) {log:none}", "7\\x208 \"7 8\" () -"),
        ("{core} {requests} {worker_requests} {steps}", "1 1 1 0"),
    ] {
        assert_eq!(line(pattern, Some(&with_body), &noted), want);
    }
    assert_eq!(line("{forwarded_for}", Some(&environ(&USUAL)), &noted), "192.0.2.7");
    // Of what was no request nothing is counted.
    assert_eq!(line("{content_length} {variables} {core}", None, &noted), "- - 0");
    let broken = Summary { complete: false, bytes: 20, ..summary(&Peer::Unix) };
    assert_eq!(line("{write_errors} {head_bytes} {body_bytes}", None, &broken), "1 20 0");
}

#[test]
fn times_are_of_the_start_or_the_end() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    let before = now();
    let told = line(
        "{start_epoch_us} {start_epoch_ms} {start_epoch} {epoch} {time_ms} {time_us} {time_s} {epoch_us} {epoch_ms}",
        None,
        &summary(&Peer::Unix),
    );
    let text: Vec<&str> = told.split(' ').collect();
    let [micros, millis, start, end, took_ms, took_us] =
        [0, 1, 2, 3, 4, 5].map(|at| text[at].parse::<u128>().unwrap());
    assert!(micros + 1_000 >= before && micros <= now() && end >= start, "{told}");
    // The clock goes on between two of them.
    assert!(micros / 1_000 <= millis && micros / 1_000_000 <= start && took_us / 1_000 == took_ms, "{told}");
    let (whole, part) = text[6].split_once('.').unwrap();
    assert_eq!(
        (whole.parse::<u128>().unwrap() * 1_000_000 + part.parse::<u128>().unwrap(), part.len()),
        (took_us, 6)
    );

    let [end_us, end_ms] = [7, 8].map(|at| text[at].parse::<u128>().unwrap());
    assert!(
        micros <= end_us && end_us <= now() && end_us / 1_000 <= end_ms && end_ms <= now() / 1_000,
        "{told}"
    );

    let local = line("[{start:%Y}|{end:%s}] {start:%%}", None, &summary(&Peer::Unix));
    let (year, second) = local.split_once('|').unwrap();
    assert!(year.starts_with("[20") && second.ends_with("] %"), "{local}");
    let second: u128 = second.trim_end_matches("] %").parse().unwrap();
    assert!(second + 1 >= before / 1_000_000 && second <= now() / 1_000_000, "{local}");
    let memory = line("{rss} {rss_mib} {vsz} {vsz_mib}", None, &summary(&Peer::Unix));
    let memory: Vec<u64> = memory.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(memory[0] > 1 << 20 && memory[1] <= memory[0] >> 19 && memory[2] >= memory[0], "{memory:?}");
}

#[test]
fn what_is_left_out_has_no_line_and_counts() {
    let lines = Writes::default();
    let format = Format::parse("{uri} {worker_requests}").unwrap();
    let selection = Selection {
        only: vec![Condition::Class(2)],
        except: vec![Exception::parse("REQUEST_URI=^/health").unwrap()],
    };
    let mut log = AccessLog::new(Box::new(lines.clone()), format, None).of(selection);
    for (uri, code) in [(&b"/one"[..], 200), (b"/health", 200), (b"/two", 404), (b"/three", 204)] {
        let environ = environ(&[("REQUEST_URI", uri)]);
        log.observe(7, Event::Received { peer: &Peer::Unix, bytes: 1 });
        log.observe(
            7,
            Event::Request { peer: &Peer::Unix, packet: &String::new, file: None, environ: &environ },
        );
        log.observe(7, Event::Finished(&Summary { code, ..summary(&Peer::Unix) }));
    }
    assert_eq!(*lines.0.lock().unwrap(), ["/one 1\n", "/three 4\n"]);
}
