//! The request as each protocol has it on the wire.

use std::net::SocketAddr;

use clap::Args;

use super::super::Result;
use super::packet::Request;
use crate::protocol::uwsgi::Packet;

/// What is spoken to the server.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(in crate::cli) struct Choice {
    /// Ask over HTTP/1.1, as a browser would.
    #[arg(long)]
    http: bool,

    /// Ask over FastCGI.
    #[arg(long)]
    fastcgi: bool,

    /// Ask over SCGI.
    #[arg(long)]
    scgi: bool,
}

/// A protocol that a request can be sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Protocol {
    Uwsgi,
    Http,
    Fastcgi,
    Scgi,
}

impl Choice {
    /// The protocol that was chosen; uwsgi if none was.
    pub(in crate::cli) fn protocol(&self) -> Protocol {
        match (self.http, self.fastcgi, self.scgi) {
            (true, ..) => Protocol::Http,
            (_, true, _) => Protocol::Fastcgi,
            (.., true) => Protocol::Scgi,
            _ => Protocol::Uwsgi,
        }
    }
}

impl Request {
    /// The whole request as a uwsgi packet, its body behind it.
    pub(in crate::cli) fn uwsgi(&self, client: Option<SocketAddr>) -> Result<Vec<u8>> {
        Protocol::Uwsgi.encode(self, client, false)
    }
}

impl Protocol {
    pub(in crate::cli) const ALL: [Protocol; 4] =
        [Protocol::Uwsgi, Protocol::Http, Protocol::Fastcgi, Protocol::Scgi];

    /// Its name, as in an address that a server prints.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Protocol::Uwsgi => "uwsgi",
            Protocol::Http => "http",
            Protocol::Fastcgi => "fastcgi",
            Protocol::Scgi => "scgi",
        }
    }

    /// Whether one connection may serve many requests.
    pub(in crate::cli) fn can_stay(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Fastcgi)
    }

    /// The whole request, its body included. `client` is our own address; a unix socket has none. With `stays` the server is
    /// to keep the connection, which uwsgi and SCGI cannot ask for.
    pub(in crate::cli) fn encode(
        self,
        request: &Request,
        client: Option<SocketAddr>,
        stays: bool,
    ) -> Result<Vec<u8>> {
        let body = request.body();
        if self == Protocol::Http {
            return Ok([&request.http_head(stays)?, body].concat());
        }
        self.encode_vars(&request.vars(client), body, stays)
    }

    /// The same of a request whose variables are known, in a protocol that has any.
    pub(in crate::cli) fn encode_vars(self, vars: &Vars, body: &[u8], stays: bool) -> Result<Vec<u8>> {
        match self {
            Protocol::Fastcgi => Ok(fastcgi(vars, body, stays)),
            Protocol::Scgi => Ok([&scgi(vars, body.len()), body].concat()),
            _ => {
                let packet = vars.iter().fold(Packet::new(), |packet, (key, value)| packet.var(key, value));
                Ok([&packet.header_and_vars()?, body].concat())
            }
        }
    }
}

type Vars = [(Vec<u8>, Vec<u8>)];

/// A netstring of the variables, CONTENT_LENGTH first and never empty (the SCGI protocol, section 4).
fn scgi(vars: &Vars, body_bytes: usize) -> Vec<u8> {
    let mut head = format!("CONTENT_LENGTH\0{body_bytes}\0SCGI\x001\0").into_bytes();
    for (name, value) in vars.iter().filter(|(name, _)| name != b"CONTENT_LENGTH") {
        head.extend([name, b"\0".as_slice(), value, b"\0"].concat());
    }
    [format!("{}:", head.len()).as_bytes(), &head, b","].concat()
}

/// One request of a responder, whose connection the server closes unless it `stays` (FastCGI 1.0, section 5).
fn fastcgi(vars: &Vars, body: &[u8], stays: bool) -> Vec<u8> {
    let mut params = Vec::new();
    for (name, value) in vars {
        for text in [name, value] {
            // One byte up to 127, else four whose first bit is set (section 3.4).
            match u8::try_from(text.len()) {
                Ok(length @ ..128) => params.push(length),
                _ => {
                    let length = u32::try_from(text.len()).unwrap_or(u32::MAX) | 1 << 31;
                    params.extend_from_slice(&length.to_be_bytes());
                }
            }
        }
        params.extend_from_slice(name);
        params.extend_from_slice(value);
    }
    let mut records = record(BEGIN_REQUEST, &[0, RESPONDER, u8::from(stays), 0, 0, 0, 0, 0]);
    for (kind, stream) in [(PARAMS, params.as_slice()), (STDIN, body)] {
        stream.chunks(RECORD_BYTES_MAX).for_each(|piece| records.extend(record(kind, piece)));
        records.extend(record(kind, b""));
    }
    records
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("a record is cut to fit").to_be_bytes();
    let [id_high, id_low] = REQUEST_ID.to_be_bytes();
    [&[1, kind, id_high, id_low, high, low, 0, 0], content].concat()
}

/// The number of each FastCGI request, as nginx has it: no second one is on its way on the same connection.
pub(super) const REQUEST_ID: u16 = 1;

const BEGIN_REQUEST: u8 = 1;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const RESPONDER: u8 = 1;
/// The content of a record, bytes: what two bytes can say.
const RECORD_BYTES_MAX: usize = 65_535;
