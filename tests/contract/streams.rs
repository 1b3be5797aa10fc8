//! A response that is made while the client already reads it.

use std::sync::{Arc, Mutex, mpsc};

use bytes::Bytes;
use tidegate::Body;

use crate::request::Request;
use crate::support::application::{Alive, PLAIN, endless};
use crate::support::client::{Response, read_all, read_until};
use crate::support::{PATIENCE, eventually};
use crate::ways::{Named, Ways};

#[test]
fn chunks_arrive_as_they_are_made() {
    let (permit, permits) = mpsc::channel::<()>();
    let permits = Arc::new(Mutex::new(permits));
    let ways = Ways::to(move |environ, start_response| {
        let mut fields = vec![("Content-Type", "text/plain"), ("X-Accel-Buffering", "no")];
        if environ.path() == b"/length" {
            fields.push(("Content-Length", "45"));
        }
        start_response.start("200 OK", fields)?;
        let permits = Arc::clone(&permits);
        Ok(Body::chunks((0..5).map(move |step| {
            // Until the client has the last one, this one is not even made.
            permits.lock().expect("no one panics with it").recv_timeout(PATIENCE)?;
            Ok(Bytes::from(format!("<chunk {step}>")))
        })))
    });
    for path in ["/length", "/no-length"] {
        ways.each(path, |way| {
            let mut client = way.send(&Request::get(path));
            let mut all = Vec::new();
            for step in 0..5 {
                permit.send(()).unwrap();
                let seen = read_until(&mut client, &format!("<chunk {step}>"));
                let begun = seen.windows(2).filter(|two| two == b"<c").count();
                assert_eq!(begun, 1, "{}", seen.escape_ascii());
                all.extend_from_slice(&seen);
            }
            let (end, broken) = read_all(&mut client);
            let response = Response::of(&[all, end].concat(), broken);
            response.assert_body("<chunk 0><chunk 1><chunk 2><chunk 3><chunk 4>");
        });
    }
}

#[test]
fn a_crowd_at_all_listeners_is_answered() {
    let ways = Ways::to(|environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(environ.path().to_vec().into())
    });
    let clients: Vec<_> = (0..10)
        .flat_map(|n| ways.iter().enumerate().map(move |(remote, way)| (format!("/{n}/{remote}"), way)))
        .map(|(path, way)| (way.send(&Request::get(&path)), path, way))
        .collect();
    for (client, path, way) in clients {
        let _named = Named::new(&path, way);
        Response::read(client).assert_body(&path);
    }
}

#[test]
fn one_who_does_not_read_holds_up_nobody() {
    let alive = Alive::default();
    let bodies = alive.clone();
    // A response without an end keeps its thread, if the application has threads of its own.
    let ways = Ways::on_loop(move |environ, start_response| {
        start_response.start("200 OK", [("X-Accel-Buffering", "no")])?;
        match environ.path() {
            b"/endless" => Ok(bodies.body(endless())),
            _ => Ok("at once".into()),
        }
    });
    let others: Vec<_> = ways.iter().map(|way| way.send(&Request::get("/endless"))).collect();
    eventually("each has a response", || alive.now() == others.len());
    for _ in 0..3 {
        ways.each("beside one that does not read", |way| way.ask(&Request::get("/")).assert_body("at once"));
    }
    assert_eq!(alive.now(), others.len());
    drop(others);
    eventually("all bodies are closed", || alive.now() == 0);
}
