//! `tidegate request`: a client of each protocol, for trying a server without a front end.

mod framing;
mod packet;
mod protocol;
mod reply;
mod socket;
mod target;

use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use self::framing::Unwrapped;
pub(super) use self::framing::{Chunks, Framing, Records};
pub(super) use self::packet::Request;
pub(super) use self::protocol::{Choice, Protocol};
pub(super) use self::reply::Head;
use self::reply::Reply;
pub(super) use self::socket::Socket;
use super::bounded::{BODY_BYTES_MAX, read_all, read_file};
use super::values::{Seconds, waiting_time};
use super::{Result, print};
use crate::net::listener::Address;

pub(super) const EXAMPLES: &str = "\
The variables are those of nginx's own uwsgi_params, for a client that asked nginx for http://localhost/path; \
-H and --var change them. The protocol is uwsgi, unless another is named.

Exit status: 0 when a whole response came, whatever it says; 1 if none did, and with --fail if its status is 400 or more; \
2 for bad arguments.

Examples:
  tidegate request 127.0.0.1:3031 '/environ?a=1'
  tidegate request /run/app.sock / -i -H 'Host: www.example.com' -H 'Accept: text/html'
  tidegate request --http 127.0.0.1:8080 /health --fail
  tidegate request 127.0.0.1:3031 /form -d name=Ada -d town=London
  tidegate request 127.0.0.1:3031 /upload -X PUT -H 'Content-Type: image/png' -d @picture.png
  tidegate request 127.0.0.1:3031 /app/x --var SCRIPT_NAME=/app --var PATH_INFO=/x --var HTTPS=on";

/// What `tidegate request` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    // Brackets in a doc comment would be a link.
    #[arg(help = "The server: HOST:PORT, [V6]:PORT, /path, unix:/path or @name")]
    addr: Address,

    #[command(flatten)]
    choice: Choice,

    /// What to ask for, as it stands in a URL: /path, percent-encoded, perhaps with ?query.
    #[arg(value_name = "PATH")]
    path: OsString,

    /// The method; GET unless this is given, or POST with -d.
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<OsString>,

    /// A body: DATA, or what is in FILE, or with @- on stdin, byte for byte.
    ///
    /// Given several times, the pieces are joined with &. Its Content-Type is application/x-www-form-urlencoded,
    /// as with curl, unless -H names another.
    #[arg(short, long, value_name = "DATA|@FILE")]
    data: Vec<OsString>,

    /// A header field; `Name:` alone leaves out one that would be sent unasked.
    #[arg(short = 'H', long, value_name = "NAME: VALUE")]
    header: Vec<OsString>,

    /// A variable, in place of the one of that name that would be sent, or besides them.
    #[arg(long, value_name = "KEY=VALUE")]
    var: Vec<OsString>,

    /// Print the status line and the header fields too.
    #[arg(short, long)]
    include: bool,

    /// End with exit status 1 if the response's status is 400 or more.
    #[arg(short, long)]
    fail: bool,

    /// Time to connect, and then for any next byte of the response.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = waiting_time)]
    timeout: Seconds,
}

/// Asks, and prints the answer.
pub(super) fn run(options: &Options) -> Result<()> {
    let mut request = Request::new(options.path.as_bytes())?;
    if !options.data.is_empty() {
        request.set_body(body(&options.data)?);
    }
    if let Some(method) = &options.method {
        request.method = method.as_bytes().to_vec();
    }
    for header in &options.header {
        request.add_field(header.as_bytes())?;
    }
    for var in &options.var {
        request.add_var(var.as_bytes())?;
    }
    let mut socket = Socket::connect(&options.addr, options.timeout.0)
        .map_err(|error| format!("cannot connect to {}: {error}", options.addr))?;
    let protocol = options.choice.protocol();
    let encoded = protocol.encode(&request, socket.local(), false)?;
    // A server that refuses a body may answer, and close, before it has read all of it; its answer counts.
    let sent = socket.write_all(&encoded);
    let reader: Box<dyn Read> = match protocol {
        Protocol::Fastcgi => {
            let records = Records::new(|text| eprint!("{}", String::from_utf8_lossy(text)));
            Box::new(Unwrapped::new(BufReader::new(socket), records))
        }
        Protocol::Uwsgi | Protocol::Http | Protocol::Scgi => Box::new(socket),
    };
    let is_cgi = matches!(protocol, Protocol::Fastcgi | Protocol::Scgi);
    let mut reply = Reply::new(reader, options.timeout.0.as_secs_f64(), is_cgi);
    let head = match (reply.head(), sent) {
        (Err(_), Err(error)) => return Err(format!("cannot send the request: {error}").into()),
        (head, _) => head?,
    };
    if options.include {
        print(&head.bytes)?;
    }
    if head.has_body(request.method == b"HEAD") {
        reply.body(&head, print)?;
    }
    match head.code() {
        code @ 400.. if options.fail => Err(format!("the response's status is {code} (--fail)").into()),
        _ => Ok(()),
    }
}

/// The pieces of -d.
fn body(pieces: &[OsString]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        if at > 0 {
            body.push(b'&');
        }
        match piece.as_bytes().strip_prefix(b"@") {
            None => body.extend_from_slice(piece.as_bytes()),
            Some(b"-") => {
                let read = read_all(io::stdin().lock(), BODY_BYTES_MAX);
                body.extend(read.map_err(|error| format!("cannot read stdin: {error}"))?);
            }
            Some(name) => {
                let name = std::ffi::OsStr::from_bytes(name);
                let read = read_file(name, BODY_BYTES_MAX);
                body.extend(read.map_err(|error| format!("cannot read {}: {error}", name.display()))?);
            }
        }
    }
    Ok(body)
}
