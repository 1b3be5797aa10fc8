//! Records that a FastCGI server gets wrong: it is made for this, as no real one does so when asked to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::json;

use crate::bench;
use crate::process::run;

/// A server on a thread of its own, which answers request number `n` of all under the number `id(n)`, and keeps its connections.
fn server(id: fn(u64) -> u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("fastcgi://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut asked = 0;
        // One connection at a time is asked.
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut piece = [0; 4096];
            // Who only looks whether it listens asks nothing; a request comes in one piece.
            while let Ok(1..) = socket.read(&mut piece) {
                let record = |kind: u8, content: &[u8]| {
                    [&[1, kind, 0, id(asked), 0, content.len() as u8, 0, 0], content].concat()
                };
                let reply = [record(6, b"Status: 200 OK\r\n\r\nhello"), record(3, &[0; 8])].concat();
                asked += 1;
                if socket.write_all(&reply).is_err() {
                    break;
                }
            }
        }
    });
    address
}

#[test]
fn the_reply_to_another_request_is_no_valid_one() {
    // The first is asked alone; then every fifth is wrong.
    let address = server(|asked| if asked % 5 == 4 { 7 } else { 1 });
    let args = [address.as_str(), "-n", "50", "-c", "1", "--expect", "hello"];
    let told = bench(&args);
    assert_eq!((&told["requests"], &told["failed"]["garbled"]), (&json!(40), &json!(10)), "{told}");
    assert_eq!(told["failed"]["all"], 10, "{told}");
    let done = run(&[&["bench"], &args[..]].concat());
    let line = "10 no valid reply; the first: a record of request 7, and 1 is what was asked";
    assert!(done.text().contains(line), "{}", done.text());
    let address = server(|_| 2);
    let line = format!("{address}: no valid reply to GET /: a record of request 2, and 1 is what was asked");
    let done = run(&["bench", &address, "-n", "1"]);
    assert!(done.code == Some(1) && done.err.contains(&line), "{}", done.err);
    let address = address.strip_prefix("fastcgi://").unwrap();
    let done = run(&["request", "--fastcgi", address, "/"]);
    assert!(done.code == Some(1) && done.err.contains("a record of request 2, and 1 is"), "{}", done.err);
}
