//! Connections that are kept, and those that are not.

use std::io::Read;

use tidegate::ProtocolName;

use crate::client::Client;
use crate::request::Request;
use crate::support::application::{PLAIN, variables};
use crate::support::client::read_until;
use crate::ways::{Way, Ways};

const REQUESTS: usize = 20;

fn is_kept(way: &Way) -> bool {
    matches!(way.protocol, ProtocolName::Http | ProtocolName::Fastcgi)
}

#[test]
fn nginx_asks_many_times_on_one_connection() {
    let ways = Ways::to(|mut environ, start_response| {
        let mut body = Vec::new();
        environ.input().read_to_end(&mut body)?;
        match environ.path() {
            b"/204" => {
                start_response.start("204 No Content", PLAIN)?;
                Ok("".into())
            }
            b"/chunks" => {
                start_response.start("200 OK", PLAIN)?;
                Ok(tidegate::Body::chunks([Ok("some".into()), Ok(" text".into())]))
            }
            b"/500" => Err(tidegate::AppError::new("on purpose")),
            _ => variables(environ, start_response),
        }
    });
    ways.each("many requests", |way| {
        if !way.behind_nginx {
            return;
        }
        let before = ways.server.connections();
        for n in 0..REQUESTS {
            let (request, status) = match n % 6 {
                0 => (Request::get("/"), 200),
                1 => (Request::post("/", vec![b'~'; 200_000]), 200),
                // After HEAD nginx 1.22 does not wait for END_REQUEST, and gives a FastCGI connection up.
                2 if way.protocol != ProtocolName::Fastcgi => (Request::new("HEAD", "/chunks"), 200),
                2 | 3 => (Request::get("/chunks"), 200),
                4 => (Request::get("/204"), 204),
                _ => (Request::get("/500"), 500),
            };
            way.ask(&request).assert_status(status);
        }
        let connections = ways.server.connections() - before;
        assert_eq!(connections, if is_kept(way) { 1 } else { REQUESTS });
    });
}

#[test]
fn a_client_asks_many_times_on_one_connection() {
    let ways = Ways::to(|environ, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok([environ.path(), b"!"].concat().into())
    });
    ways.each("many requests", |way| {
        if way.behind_nginx || !is_kept(way) {
            return;
        }
        let before = ways.server.connections();
        let mut client = Client::connect(way);
        for n in 0..REQUESTS {
            client.send(Request::get(format!("/{n}")).kept().encode(way.protocol));
            let seen = read_until(&mut client, &format!("\r\n\r\n/{n}!"));
            assert!(seen.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", seen.escape_ascii());
        }
        // The last says so, and the server closes.
        client.send(Request::get("/end").encode(way.protocol));
        read_until(&mut client, "/end!");
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        assert_eq!(ways.server.connections() - before, 1);
    });
}
