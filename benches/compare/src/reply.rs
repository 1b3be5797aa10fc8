//! Is this the right answer, and is it complete? A wrong answer is not a fast answer, so every reply is checked.

use std::borrow::Cow;

use crate::protocol::Protocol;

/// Checks replies against the body that is expected, and remembers the last good one: while a
/// server sends the same bytes again and again (until its Date changes), a check is one comparison.
pub struct Checker {
    protocol: Protocol,
    body: Vec<u8>,
    good: Vec<u8>,
}

impl Checker {
    /// `body` is what every reply through `protocol` must carry, exactly.
    pub fn new(protocol: Protocol, body: &[u8]) -> Checker {
        Checker { protocol, body: body.to_vec(), good: Vec::new() }
    }

    /// The length of the last good reply, head and body.
    pub fn reply_bytes(&self) -> usize {
        self.good.len()
    }

    /// Whether `reply`, all that has come since the request, is complete: what comes through a protocol that
    /// keeps no connection alive, always. The error says what came instead.
    pub fn check(&mut self, reply: &[u8]) -> Result<bool, String> {
        if reply == self.good && !reply.is_empty() {
            return Ok(true);
        }
        let wrong = |body: &[u8]| Err(format!("wrong body: {}", String::from_utf8_lossy(body)));
        match self.protocol {
            Protocol::Uwsgi | Protocol::Scgi => {
                let body = &reply[head_length(reply)?..];
                if *body != self.body {
                    return wrong(body);
                }
            }
            Protocol::Http => match http_body(reply)? {
                Some(body) if *body != self.body => return wrong(&body),
                Some(_) => {}
                None => return Ok(false),
            },
            Protocol::Fastcgi => match fastcgi_body(reply)? {
                Some(body) if body != self.body => return wrong(&body),
                Some(_) => {}
                None => return Ok(false),
            },
        }
        self.good = reply.to_vec();
        Ok(true)
    }
}

/// The length of the head, its empty line included, of a reply with status 200.
pub fn head_length(reply: &[u8]) -> Result<usize, String> {
    match head_end(reply) {
        Some(end) if has_status_200(reply) => Ok(end),
        _ if reply.is_empty() => Err("closed without a reply".into()),
        _ => no_200(reply),
    }
}

/// The body of an HTTP reply on a connection that stays; None while some of it is still to come.
fn http_body(reply: &[u8]) -> Result<Option<Cow<'_, [u8]>>, String> {
    let Some(end) = head_end(reply) else { return Ok(None) };
    if !has_status_200(reply) {
        return no_200(reply);
    }
    let (mut length, mut chunked) = (None, false);
    let (head, body) = reply.split_at(end);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).ok().and_then(|value| value.parse::<usize>().ok());
            length = Some(digits.ok_or("a Content-Length that is no number")?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
            return Err("the connection is not kept alive".into());
        }
    }
    if chunked {
        return chunked_body(body).map(|body| body.map(Cow::Owned));
    }
    let length = length.ok_or("no Content-Length")?;
    if body.len() > length {
        return Err(format!("{} bytes behind the reply", body.len() - length));
    }
    Ok((body.len() == length).then_some(Cow::Borrowed(body)))
}

/// The body in the chunks of an HTTP reply, which have neither extensions nor trailers; None until the last chunk.
fn chunked_body(chunks: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let (mut rest, mut parts) = (chunks, Vec::new());
    while let Some(end) = rest.windows(2).take(MAX_SIZE_LINE).position(|two| two == b"\r\n") {
        let size = str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or("a chunk without a size")?;
        let Some((chunk, behind)) = rest[end + 2..].split_at_checked(size) else { break };
        let Some((line_end, behind)) = behind.split_first_chunk() else { break };
        if line_end != b"\r\n" {
            return Err("a chunk that is longer than its size".into());
        }
        rest = behind;
        match (size, rest) {
            (0, []) => return Ok(Some(parts.concat())),
            (0, _) => return Err(format!("{} bytes behind the reply", rest.len())),
            _ => parts.push(chunk),
        }
    }
    Ok(None)
}

/// What is longer is no chunk's size.
const MAX_SIZE_LINE: usize = 18;

/// The body in the STDOUT records of a FastCGI reply; None until END_REQUEST, which must be the last record.
fn fastcgi_body(reply: &[u8]) -> Result<Option<Vec<u8>>, String> {
    const END_REQUEST: u8 = 3;
    const STDOUT: u8 = 6;
    let (mut rest, mut stdout) = (reply, Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<8>() {
        let [version, kind, id_high, id_low, high, low, padding, _] = *header;
        if (version, id_high, id_low) != (1, 0, 1) {
            return Err(format!("no record of FastCGI 1 for request 1: {header:02x?}"));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((content, behind)) = behind.split_at_checked(length) else { break };
        let Some((_, behind)) = behind.split_at_checked(usize::from(padding)) else { break };
        rest = behind;
        match kind {
            STDOUT => stdout.extend_from_slice(content),
            // appStatus, four bytes, and protocolStatus: all 0, or it failed.
            END_REQUEST if content.get(..5) != Some(&[0; 5]) => {
                return Err(format!("the request has failed: {content:02x?}"));
            }
            END_REQUEST if rest.is_empty() => {
                return match head_end(&stdout) {
                    Some(end) if stdout.starts_with(b"Status: 200") => Ok(Some(stdout.split_off(end))),
                    _ => no_200(&stdout),
                };
            }
            END_REQUEST => return Err(format!("{} bytes behind the reply", rest.len())),
            _ => return Err(format!("a record of type {kind}")),
        }
    }
    Ok(None)
}

/// Behind the empty line.
fn head_end(reply: &[u8]) -> Option<usize> {
    reply.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4)
}

fn has_status_200(reply: &[u8]) -> bool {
    reply.starts_with(b"HTTP/1.") && reply.get(9..12) == Some(b"200")
}

fn no_200<T>(reply: &[u8]) -> Result<T, String> {
    let start = &reply[..reply.len().min(80)];
    Err(format!("no 200: {:?}", String::from_utf8_lossy(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: &[u8] = b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 2\r\n\r\nhi";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n";
    const FASTCGI: &[u8] = b"\x01\x06\0\x01\0\x10\0\0Status: 200 OK\r\n\
        \x01\x06\0\x01\0\x04\x01\0\r\nhiX\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";

    #[test]
    fn a_good_reply_passes_again_and_again() {
        let mut checker = Checker::new(Protocol::Uwsgi, b"hi");
        for _ in 0..2 {
            assert_eq!(checker.check(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhi"), Ok(true));
        }
        assert_eq!(checker.check(b"HTTP/1.0 200 OK\r\n\r\nhi"), Ok(true));
        assert_eq!(checker.reply_bytes(), 21);
    }

    #[test]
    fn anything_else_fails() {
        let mut checker = Checker::new(Protocol::Scgi, b"hi");
        for reply in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nh",
            b"HTTP/1.1 200 OK\r\n\r\nhi!",
            b"HTTP/1.1 500 Oh\r\n\r\nhi",
            b"Status: 200 OK\r\n\r\nhi",
        ] {
            assert!(checker.check(reply).is_err(), "{reply:?}");
        }
    }

    #[test]
    fn a_kept_connection_shows_where_its_reply_ends() {
        for (protocol, reply) in
            [(Protocol::Http, HTTP), (Protocol::Http, CHUNKED), (Protocol::Fastcgi, FASTCGI)]
        {
            let mut checker = Checker::new(protocol, b"hi");
            for end in 0..reply.len() {
                assert_eq!(checker.check(&reply[..end]), Ok(false), "{protocol} {end}");
            }
            assert_eq!(checker.check(reply), Ok(true), "{protocol}");
            assert!(checker.check(&[reply, b"H"].concat()).is_err(), "{protocol}: more than was asked for");
            assert!(Checker::new(protocol, b"ho").check(reply).is_err(), "{protocol}");
        }
    }

    #[test]
    fn an_http_reply_has_a_length_and_is_kept_alive() {
        for head in ["", "Content-Length: x", "Content-Length: 0\r\nConnection: close"] {
            let reply = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
            assert!(http_body(reply.as_bytes()).is_err(), "{head}");
        }
        assert!(http_body(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").is_err());
    }

    #[test]
    fn chunks_have_the_size_they_say() {
        for chunks in [&b"x\r\n"[..], b"1\r\nhi\r\n", b"1;a=b\r\nh\r\n", b"0\r\nA: b\r\n\r\n"] {
            assert!(chunked_body(chunks).is_err(), "{chunks:?}");
        }
        assert_eq!(chunked_body(b"2\r\n\r\n\r\n0\r\n\r\n"), Ok(Some(b"\r\n".to_vec())));
    }

    #[test]
    fn a_fastcgi_reply_says_that_it_succeeded() {
        let with = |at: usize, byte: u8| {
            let mut reply = FASTCGI.to_vec();
            reply[at] = byte;
            fastcgi_body(&reply)
        };
        // The version, the type, the request, the status, appStatus, protocolStatus.
        for (at, byte) in [(0, 2), (1, 7), (3, 2), (16, b'5'), (FASTCGI.len() - 5, 1), (FASTCGI.len() - 4, 1)]
        {
            assert!(with(at, byte).is_err(), "{at}");
        }
        assert_eq!(with(16, b'2'), Ok(Some(b"hi".to_vec())));
    }
}
