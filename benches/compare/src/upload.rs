//! Uploads, one after another: a packet and a long body behind it, as nginx sends one that it has taken whole.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::load::{Report, Target, latencies};
use crate::reply::Checker;
use crate::stream::{ask, wait};

/// What a send is offered at most: more than a socket's buffer takes.
const PIECE: usize = 1 << 20;

/// Uploads of `length` bytes until `time` is over, at least one. The protocol must end its reply with the connection.
pub fn run(target: &Target<'_>, length: u64, time: Duration) -> io::Result<Report> {
    let piece = vec![b'.'; PIECE];
    let mut checker = Checker::new(target.protocol, target.body);
    let mut latency = latencies();
    let start = Instant::now();
    loop {
        let started = Instant::now();
        let reply = upload(target, length, &piece)?;
        latency.saturating_record(started.elapsed().as_nanos() as u64);
        checker.check(&reply).map_err(io::Error::other)?;
        let elapsed = start.elapsed();
        if elapsed >= time {
            let requests = latency.len();
            return Ok(Report { requests, elapsed, latency, reply_bytes: checker.reply_bytes() });
        }
    }
}

/// The reply to one, whole.
fn upload(target: &Target<'_>, length: u64, piece: &[u8]) -> io::Result<Vec<u8>> {
    let socket = ask(target.address, &target.packets[0])?;
    let mut left = length;
    while left > 0 {
        let next = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        match send(&socket, next, SendFlags::NOSIGNAL) {
            Ok(sent) => left -= sent as u64,
            Err(Errno::AGAIN) => wait(&socket, PollFlags::OUT)?,
            Err(error) => return Err(error.into()),
        }
    }
    let (mut reply, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match recv(&socket, &mut buffer, RecvFlags::empty()) {
            Ok((0, _)) => return Ok(reply),
            Ok((length, _)) => reply.extend_from_slice(&buffer[..length]),
            Err(Errno::AGAIN) => wait(&socket, PollFlags::IN)?,
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::protocol::Protocol;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::{fs, thread};

    /// More than a piece, and not a whole number of them.
    const LENGTH: u64 = (5 << 20) + 1;

    /// One upload to a server that counts what comes behind the packet, and answers with `status` and that.
    fn upload_to(name: &str, status: &'static str) -> io::Result<Report> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../target/tmp/upload-{name}.sock"));
        fs::create_dir_all(path.parent().expect("it is in a folder"))?;
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path)?;
        let packets = [Protocol::Uwsgi.get("/")];
        let packet = packets[0].len() as u64;
        let server = thread::spawn(move || -> io::Result<()> {
            let (mut peer, _) = listener.accept()?;
            let all = io::copy(&mut (&peer).take(packet + LENGTH), &mut io::sink())?;
            write!(peer, "HTTP/1.1 {status}\r\n\r\n{}", all - packet)
        });
        let body = LENGTH.to_string();
        let target = Target {
            address: &Address::unix(&path)?,
            protocol: Protocol::Uwsgi,
            packets: &packets,
            body: body.as_bytes(),
        };
        let report = run(&target, LENGTH, Duration::ZERO);
        server.join().expect("it does not panic")?;
        report
    }

    #[test]
    fn all_of_the_body_arrives() {
        assert_eq!(upload_to("whole", "200 OK").unwrap().requests, 1);
    }

    #[test]
    fn a_reply_that_is_not_right_is_an_error() {
        assert!(upload_to("wrong", "500 Oh").is_err_and(|error| error.to_string().contains("no 200")));
    }
}
