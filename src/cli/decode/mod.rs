//! `tidegate decode`: a uwsgi packet for a person to read, or as JSON.

mod parts;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;

use clap::Args;
use serde_json::Value;

pub(super) use self::parts::{Field, parts};
use super::bounded::{BODY_BYTES_MAX, read_all, read_file};
use super::{Result, print};
use crate::ascii::Ascii;
use crate::limits::Limits;
use crate::protocol::uwsgi::{PacketHeader, modifier1, vars};
use crate::protocol::{Endpoints, Fault, Phase, Protocol, ProtocolName, Received};

pub(super) const EXAMPLES: &str = "\
A packet is judged as the server would judge it. What is wrong with it is told on stderr, with its offset from the \
packet's first byte, behind all that could be read; the exit status is 1 then.

Examples:
  tidegate decode packet.bin
  tidegate decode --json - < packet.bin
  nc -l 127.0.0.1 3031 > packet.bin            catch one: let nginx's uwsgi_pass send it there";

/// What `tidegate decode` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The file with the packet, and the body behind it; - is stdin.
    file: OsString,

    /// Print JSON. Strings are latin-1: each of their characters is a byte, as in WSGI.
    #[arg(long)]
    json: bool,
}

/// Prints the packet.
pub(super) fn run(options: &Options) -> Result<()> {
    let name = options.file.display();
    let read = match options.file.to_str() {
        Some("-") => read_all(io::stdin().lock(), BODY_BYTES_MAX),
        _ => read_file(&options.file, BODY_BYTES_MAX),
    };
    let bytes = read.map_err(|error| format!("cannot read {name}: {error}"))?;

    let judged = judge(&bytes);
    if let Some(packet) = Packet::read(&bytes).filter(|_| !judged.is_stranger) {
        print(if options.json { packet.json() } else { packet.text()? }.as_bytes())?;
    }
    if let Some(warning) = judged.warning.filter(|_| !options.json) {
        print(format!("\nwarning    {warning}\n").as_bytes())?;
    }
    judged.wrong.map_or(Ok(()), |why| Err(format!("{name}: {why}").into()))
}

/// What the server's own decoder says.
#[derive(Default)]
struct Judged {
    wrong: Option<String>,
    /// What the log would say of it, though it is served.
    warning: Option<&'static str>,
    /// HTTP or TLS, of which no var can be read.
    is_stranger: bool,
}

fn judge(bytes: &[u8]) -> Judged {
    let (mut protocol, mut rest) = (Protocol::new(ProtocolName::Uwsgi, Endpoints::default), bytes);
    match protocol.receive(&mut rest, &mut Vec::new(), &Limits::default()) {
        Ok(Received::Request(_) | Received::Answered(_) | Received::Aborted(_)) => {
            Judged { warning: protocol.warning(), ..Judged::default() }
        }
        Ok(Received::More) => {
            let (what, there, of) = match (protocol.phase(), Packet::read(bytes)) {
                (Phase::Body { received }, Some(packet)) => {
                    ("body", received, packet.content_length().unwrap_or_default())
                }
                (_, Some(packet)) => ("vars", packet.block.len() as u64, u64::from(packet.header.datasize)),
                (_, None) => ("header", bytes.len() as u64, PacketHeader::LEN as u64),
            };
            let why =
                format!("it ends at offset {}, after {there} of the {of} bytes of the {what}", bytes.len());
            Judged { wrong: Some(why), ..Judged::default() }
        }
        Err(error) => {
            let is_stranger = matches!(error.fault, Fault::Stranger(_));
            Judged { wrong: Some(error.to_string()), is_stranger, ..Judged::default() }
        }
    }
}

/// A packet as far as it can be read.
struct Packet<'a> {
    header: PacketHeader,
    /// The vars, of which some may be missing.
    block: &'a [u8],
    /// What lies behind the vars.
    rest: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` if not even the header is there.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk()?;
        let header = PacketHeader::from_bytes(*header);
        let (block, rest) = rest.split_at(rest.len().min(usize::from(header.datasize)));
        Some(Packet { header, block, rest })
    }

    /// The vars up to the first that cannot be read.
    fn vars(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let block = self.block;
        vars(block).map_while(std::result::Result::ok).map(|var| (&block[var.name], &block[var.value]))
    }

    fn content_length(&self) -> Option<u64> {
        let last = self.vars().filter(|(key, _)| *key == b"CONTENT_LENGTH").last();
        std::str::from_utf8(last?.1).ok()?.parse().ok()
    }

    /// The body, and how many bytes follow it; `None` if the vars are not all there, or not all vars.
    fn body(&self) -> Option<(&'a [u8], usize)> {
        if self.block.len() < usize::from(self.header.datasize) || vars(self.block).any(|var| var.is_err()) {
            return None;
        }
        let length = self.content_length().unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(self.rest.len());
        Some((&self.rest[..length], self.rest.len() - length))
    }

    fn text(&self) -> std::result::Result<String, std::fmt::Error> {
        let PacketHeader { modifier1, datasize, modifier2 } = self.header;
        let mut text = format!(
            "modifier1  {modifier1} ({})\ndatasize   {datasize}\nmodifier2  {modifier2}\n",
            modifier1::meaning(modifier1)
        );
        let width = self.vars().map(|(key, _)| key.len()).max().unwrap_or_default().min(KEY_BYTES_MAX);
        let mut heading = "\n";
        for (key, value) in self.vars() {
            write!(text, "{heading}{:<width$}  ", Ascii(key).to_string())?;
            match value {
                [] => writeln!(text, "(empty)")?,
                value => writeln!(text, "{}", Ascii(value))?,
            }
            heading = "";
        }
        let Some((body, trailing)) = self.body() else { return Ok(text) };
        writeln!(text, "\nbody       {} bytes", body.len())?;
        if trailing > 0 {
            writeln!(text, "behind it  {trailing} bytes that are not of this packet")?;
        }
        match std::str::from_utf8(body) {
            Ok("") => {}
            Ok(body) if !body.contains(|c: char| c.is_control() && !c.is_ascii_whitespace()) => {
                writeln!(text, "\n{}", body.strip_suffix('\n').unwrap_or(body))?;
            }
            _ => writeln!(text, "\nThe body is no text.")?,
        }
        Ok(text)
    }

    fn json(&self) -> String {
        let PacketHeader { modifier1, datasize, modifier2 } = self.header;
        let vars: Vec<String> =
            self.vars().map(|(key, value)| format!("    [{}, {}]", latin_1(key), latin_1(value))).collect();
        let vars = if vars.is_empty() { "[]".to_owned() } else { format!("[\n{}\n  ]", vars.join(",\n")) };
        let body = latin_1(self.body().unwrap_or_default().0);
        format!(
            "{{\n  \"modifier1\": {modifier1},\n  \"modifier2\": {modifier2},\n  \"datasize\": {datasize},\n  \
             \"vars\": {vars},\n  \"body\": {body}\n}}\n"
        )
    }
}

/// Bytes as a JSON string, each one a character.
fn latin_1(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// A column no wider than this is kept free for the keys, bytes.
const KEY_BYTES_MAX: usize = 30;
