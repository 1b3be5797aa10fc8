//! Bodies of every make: chunks, files, and what Content-Length says of them.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::Mutex;

use tidegate::Body;

use crate::support::application::{PLAIN, pattern};
use crate::support::client::{get, packet, read_until};
use crate::support::server::Server;

/// Serves a file of which `path` says from where on it is to be sent.
fn file_server(file: File) -> Server {
    let file = Mutex::new(file);
    Server::start(move |environ, start_response| {
        let at = std::str::from_utf8(&environ.path()[1..])?.parse()?;
        let mut file = file.lock().expect("no one panics with it").try_clone()?;
        // A clone shares the position, and no other request runs meanwhile.
        file.seek(SeekFrom::Start(at))?;
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::file(file)?)
    })
}

#[test]
fn a_file_is_sent_from_its_position_on() {
    const LEN: usize = 32 << 20;
    let mut file = tempfile::tempfile().unwrap();
    let content = pattern(LEN);
    file.write_all(&content).unwrap();
    let server = file_server(file);
    for remote in &server.remotes {
        for at in [0, 12_345, LEN - 1, LEN] {
            let response = remote.ask(get(&format!("/{at}")));
            response.assert_body(&content[at..]);
            assert_eq!(response.header("Content-Length"), Some((LEN - at).to_string().as_str()));
        }
        let head = remote.ask(packet("HEAD", "/7").header_and_vars().unwrap());
        assert_eq!(head.header("Content-Length"), Some((LEN - 7).to_string().as_str()));
        assert!(head.body.is_empty());
    }
}

#[test]
fn a_file_that_becomes_shorter_is_a_response_that_is_seen_to_break_off() {
    const LEN: u64 = 64 << 20;
    for at in 0..2 {
        let file = tempfile::tempfile().unwrap();
        file.set_len(LEN).unwrap();
        let server = file_server(file.try_clone().unwrap());
        let remote = &server.remotes[at];
        let mut client = if remote.is_tcp() { remote.connect_small() } else { remote.connect() };
        client.write_all(&get("/0")).unwrap();
        read_until(&client, "\r\n\r\n");
        file.set_len(LEN / 2).unwrap();
        let (mut count, mut piece) = (0, vec![0; 1 << 20]);
        let end = loop {
            match client.read(&mut piece) {
                Ok(0) => break None,
                Ok(read) => count += read as u64,
                Err(error) => break Some(error.kind()),
            }
        };
        assert!(count <= LEN / 2, "{}: {count}", remote.name);
        assert_eq!(end, Some(ErrorKind::ConnectionReset), "{}", remote.name);
        server.eventually_logs("the file became shorter");
    }
}
