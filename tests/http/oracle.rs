//! A second reading of a connection's bytes, to hold the decoder's against: RFC 9112, and where it leaves something
//! open, the rules of `fixtures/http/README.md`, whose numbers stand here.
//!
//! It has all the bytes at once, looks at them as often as it likes, and shares nothing with `src/`: a mistake would have
//! to be made twice to go unseen. The tests here and `fuzz/` share it.

use std::collections::BTreeMap;

/// What the bytes of a connection come to.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) messages: Vec<Message>,
    pub(crate) end: Ending,
}

/// A request, in HTTP's terms.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    /// 1.0; else it is served as 1.1.
    pub(crate) is_old: bool,
    /// Names in lower case, values without the white space around them, in their order.
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) is_chunked: bool,
    pub(crate) body: Vec<u8>,
    /// Whether another request may follow.
    pub(crate) persists: bool,
}

/// What stands behind the last request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing that breaks a rule, but no whole request; `begun` if it has any byte.
    Incomplete { begun: bool },
    /// So many bytes are of no request, behind the last one.
    Closed { left: usize },
    /// A request that is refused.
    Refused { status: u16 },
}

/// The bounds of the rules: bytes, fields, and bytes of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) request_line: usize,
    pub(crate) head: usize,
    pub(crate) fields: usize,
    pub(crate) chunk_line: usize,
    pub(crate) body: u64,
}

/// Why a request has no reading.
enum No {
    Incomplete,
    Refused(u16),
}

const BAD: No = No::Refused(400);

/// Reads all of it.
pub(crate) fn read(data: &[u8], bounds: Bounds) -> Reading {
    let (mut messages, mut at) = (Vec::new(), 0);
    loop {
        match message(&data[at..], bounds) {
            Ok((message, len)) => {
                at += len;
                let persists = message.persists;
                messages.push(message);
                if !persists {
                    return Reading { messages, end: Ending::Closed { left: data.len() - at } };
                }
            }
            Err(No::Refused(status)) => return Reading { messages, end: Ending::Refused { status } },
            Err(No::Incomplete) => {
                // One empty line alone is of no request yet (rule 1).
                let begun = !matches!(&data[at..], b"" | b"\r\n");
                return Reading { messages, end: Ending::Incomplete { begun } };
            }
        }
    }
}

/// The environ of CGI that a request comes to: the section "What becomes of it". The connection's ends are unknown.
pub(crate) fn environ(message: &Message) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (path, query, authority) = taken_apart(&message.target);
    let mut environ = BTreeMap::new();
    for (name, value) in [
        ("REQUEST_METHOD", message.method.as_slice()),
        ("SCRIPT_NAME", b""),
        ("PATH_INFO", &unescaped(path).unwrap_or_default()),
        ("QUERY_STRING", query),
        ("REQUEST_URI", &message.target),
        ("SERVER_PROTOCOL", if message.is_old { b"HTTP/1.0" } else { b"HTTP/1.1" }),
        ("SERVER_NAME", b"localhost"),
        ("SERVER_PORT", b"80"),
    ] {
        environ.insert(name.as_bytes().to_vec(), value.to_vec());
    }
    for (name, _) in &message.fields {
        let values: Vec<&[u8]> =
            message.fields.iter().filter(|field| field.0 == *name).map(|field| &field.1[..]).collect();
        let value = match name.as_slice() {
            b"proxy" | b"transfer-encoding" => continue,
            name if name.contains(&b'_') => continue,
            name if STAND_ONCE.iter().any(|once| once.as_bytes() == name) => {
                values[values.len() - 1].to_vec()
            }
            b"cookie" => values.join(b"; ".as_slice()),
            _ => values.join(b", ".as_slice()),
        };
        let name = name.to_ascii_uppercase();
        let name: Vec<u8> = name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
        let prefix = if matches!(&name[..], b"CONTENT_TYPE" | b"CONTENT_LENGTH") { "" } else { "HTTP_" };
        environ.insert([prefix.as_bytes(), &name].concat(), value);
    }
    if let Some(authority) = authority {
        environ.insert(b"HTTP_HOST".to_vec(), authority.to_vec());
    }
    if message.is_chunked {
        environ.insert(b"CONTENT_LENGTH".to_vec(), message.body.len().to_string().into_bytes());
    }
    environ
}

/// Of these the last counts; they are not joined.
const STAND_ONCE: [&str; 16] = [
    "authorization",
    "content-location",
    "content-range",
    "date",
    "from",
    "host",
    "if-modified-since",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "range",
    "referer",
    "user-agent",
];

/// The request that the data begins with, and its length.
fn message(data: &[u8], bounds: Bounds) -> Result<(Message, usize), No> {
    let skipped = if data.starts_with(b"\r\n") { 2 } else { 0 };
    let head = head(&data[skipped..], bounds)?;
    let behind = skipped + head.len();
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| &line[..line.len().saturating_sub(1)]);
    let (method, target, is_old) = request_line(lines.next().unwrap_or_default())?;
    let fields: Vec<_> = lines.take_while(|line| !line.is_empty()).map(field).collect::<Result<_, _>>()?;
    let all = |name: &str| -> Vec<&[u8]> {
        fields.iter().filter(|field| field.0 == name.as_bytes()).map(|field| &field.1[..]).collect()
    };

    // Rules 6, 7 and 8.
    match all("host").as_slice() {
        [] if is_old => {}
        [host] if host.is_empty() || is_authority(host) => {}
        _ => return Err(BAD),
    }
    if all("content-type").len() > 1 || !is_target(method, target) {
        return Err(BAD);
    }
    let length = framing(is_old, &all("transfer-encoding"), &all("content-length"), bounds)?;
    // Rule 10.
    if !is_old && !all("expect").iter().all(|expect| expect.eq_ignore_ascii_case(b"100-continue")) {
        return Err(No::Refused(417));
    }
    let (body, body_len) = match length {
        Length::Bytes(count) => {
            let count = usize::try_from(count).map_err(|_| No::Incomplete)?;
            (data.get(behind..behind + count).ok_or(No::Incomplete)?.to_vec(), count)
        }
        Length::Chunks => chunks(&data[behind..], bounds)?,
    };
    let connection = all("connection").join(b",".as_slice()).to_ascii_lowercase();
    let says = |option: &[u8]| connection.split(|byte| *byte == b',').any(|said| white(said) == option);
    let message = Message {
        method: method.to_vec(),
        target: target.to_vec(),
        is_old,
        is_chunked: matches!(length, Length::Chunks),
        body,
        persists: !says(b"close") && (!is_old || says(b"keep-alive")),
        fields,
    };
    Ok((message, behind + body_len))
}

/// The bytes of the head, its empty line with it, if they break none of the rules that are looked at while they come
/// (1, 2, 3, 4 as its line ends, and the bounds of 5). Of two faults the one counts that an earlier byte makes.
fn head(data: &[u8], bounds: Bounds) -> Result<&[u8], No> {
    let end = data.windows(4).position(|four| four == b"\r\n\r\n").map_or(data.len(), |at| at + 4);
    let line_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let line = &data[..line_end];
    // Each fault with the place of the byte that makes it; of two at one place the first counts.
    let mut faults = vec![(bounds.request_line, 414, line_end >= bounds.request_line)];
    faults.push((bounds.head, 431, end > bounds.head));
    let first_is_wrong = data.first().is_some_and(|first| !is_token(&[*first]) && !b"\r\n".contains(first));
    faults.push((0, 400, first_is_wrong));
    // A second empty line.
    faults.push((0, 400, data.starts_with(b"\r\n")));
    for (at, byte) in line.iter().enumerate() {
        // A CR is known for a bare one by what follows it.
        match (*byte, data.get(at + 1)) {
            (b'\r', None | Some(b'\n')) => {}
            (b'\r', Some(_)) => faults.push((at + 1, 400, true)),
            (byte, _) => faults.push((at, 400, byte < b' ' || byte == 0x7f)),
        }
    }
    let mut lines = 0;
    for at in (0..end).filter(|at| data[*at] == b'\n') {
        faults.push((at, 400, at == 0 || data[at - 1] != b'\r'));
        if let Some(Err(No::Refused(status))) = (at == line_end).then(|| request_line(&data[..at.max(1) - 1]))
        {
            faults.push((at, status, true));
        }
        lines += 1;
        let is_empty = at + 1 == end && data[..end].ends_with(b"\r\n\r\n");
        faults.push((at, 431, lines > bounds.fields + 1 && !is_empty));
    }
    let found = faults.into_iter().filter(|fault| fault.2 && fault.0 < end);
    match found.min_by_key(|(at, ..)| *at) {
        Some((_, status, _)) => Err(No::Refused(status)),
        None if data[..end].ends_with(b"\r\n\r\n") => Ok(&data[..end]),
        None => Err(No::Incomplete),
    }
}

/// Rule 4: method, target, and whether the version is 1.0.
fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], bool), No> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err(BAD) };
    if !is_token(method) || target.is_empty() || target.contains(&b'#') {
        return Err(BAD);
    }
    let Some([major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9']) = version.strip_prefix(b"HTTP/") else {
        return Err(BAD);
    };
    match (major, method) {
        (b'1', b"CONNECT") => Err(No::Refused(501)),
        (b'1', _) => Ok((method, target, *minor == b'0')),
        _ => Err(No::Refused(505)),
    }
}

/// Rule 5, for one line.
fn field(line: &[u8]) -> Result<(Vec<u8>, Vec<u8>), No> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(value)) if is_token(name) && is_text(value) => {
            Ok((name.to_ascii_lowercase(), white(value).to_vec()))
        }
        _ => Err(BAD),
    }
}

enum Length {
    Bytes(u64),
    Chunks,
}

/// Rule 9.
fn framing(is_old: bool, codings: &[&[u8]], lengths: &[&[u8]], bounds: Bounds) -> Result<Length, No> {
    match (codings, lengths) {
        ([], []) => Ok(Length::Bytes(0)),
        ([], [length]) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let digits = String::from_utf8_lossy(length);
            let length = digits.trim_start_matches('0').parse::<u128>();
            match length {
                Ok(length) if length > u128::from(bounds.body) => Err(No::Refused(413)),
                Ok(length) => Ok(Length::Bytes(u64::try_from(length).unwrap_or(u64::MAX))),
                // No digit is left, or there are so many that no number is that large.
                Err(_) if digits.chars().all(|digit| digit == '0') => Ok(Length::Bytes(0)),
                Err(_) => Err(No::Refused(413)),
            }
        }
        ([codings], []) if !is_old => {
            let names = codings.to_ascii_lowercase();
            let names: Vec<&[u8]> = names.split(|byte| *byte == b',').map(white).collect();
            let last = names.len() - 1;
            let misplaced = names[..last].contains(&b"chunked".as_slice());
            if misplaced || !names.iter().all(|name| is_token(name)) {
                return Err(BAD);
            }
            if names == [b"chunked"] { Ok(Length::Chunks) } else { Err(No::Refused(501)) }
        }
        _ => Err(BAD),
    }
}

/// Rule 11: the decoded body, and how many bytes it took.
fn chunks(data: &[u8], bounds: Bounds) -> Result<(Vec<u8>, usize), No> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = &data[at..];
        let Some(line_len) = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1) else {
            // Whether any end makes a chunk line of it.
            let ends = ["\r\n", "0\r\n", "a\r\n", "\"\r\n", "a\"\r\n", "\n"];
            let can_be = ends.iter().any(|end| chunk_size(&[rest, end.as_bytes()].concat()).is_some());
            return Err(if can_be && rest.len() <= bounds.chunk_line { No::Incomplete } else { BAD });
        };
        let size = chunk_size(&rest[..line_len]).filter(|_| line_len <= bounds.chunk_line).ok_or(BAD)?;
        if body.len() as u128 + u128::from(size) > u128::from(bounds.body) {
            return Err(No::Refused(413));
        }
        at += line_len;
        if size == 0 {
            return Ok((body, at + trailers(&data[at..], bounds)?));
        }
        let size = usize::try_from(size).map_err(|_| No::Incomplete)?;
        let chunk = data.get(at..at + size).ok_or(No::Incomplete)?;
        body.extend_from_slice(chunk);
        at += size;
        match &data[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Err(No::Incomplete),
            _ => return Err(BAD),
        }
    }
}

/// What a chunk line that is whole says; `None` if it is none.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, mut extensions) = line.split_at(digits);
    let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok().filter(|_| digits <= 16)?;
    while !extensions.is_empty() {
        extensions = extensions.strip_prefix(b";")?;
        extensions = behind_token(extensions)?;
        if let Some(value) = extensions.strip_prefix(b"=") {
            extensions = match value.strip_prefix(b"\"") {
                Some(quoted) => behind_quote(quoted)?,
                None => behind_token(value)?,
            };
        }
    }
    Some(size)
}

fn behind_token(text: &[u8]) -> Option<&[u8]> {
    let len = text.iter().take_while(|byte| is_token(&[**byte])).count();
    (len > 0).then(|| &text[len..])
}

fn behind_quote(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while *text.get(at)? != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    is_text(&text[..at]).then(|| &text[at + 1..])
}

/// How many bytes the trailer section takes, its empty line with it. It is looked at byte by byte, so the first
/// fault counts; where a byte is wrong and one too many, it is wrong.
fn trailers(data: &[u8], bounds: Bounds) -> Result<usize, No> {
    let too_long = |at: usize| at >= bounds.head;
    let (mut start, mut count) = (0, 0);
    loop {
        let line = &data[start..];
        let len = line.iter().position(|byte| *byte == b'\n').map_or(line.len(), |at| at + 1);
        // What begins no line begins none with more bytes either.
        let lens: Vec<usize> = (1..=len).collect();
        let right = lens.partition_point(|len| begins_trailer(&line[..*len]));
        match start + right {
            wrong if right < len && wrong <= bounds.head => return Err(BAD),
            _ if right < len => return Err(No::Refused(431)),
            _ if len > 0 && too_long(start + len - 1) => return Err(No::Refused(431)),
            _ if !line[..len].ends_with(b"\n") => return Err(No::Incomplete),
            _ if len == 2 => return Ok(start + 2),
            _ => {}
        }
        count += 1;
        if count > bounds.fields {
            return Err(No::Refused(431));
        }
        start += len;
    }
}

/// Whether a line of the trailer section may begin so, or be so.
fn begins_trailer(line: &[u8]) -> bool {
    let text = match line {
        [b'\r'] | [b'\r', b'\n'] => return true,
        [text @ .., b'\r', b'\n'] | [text @ .., b'\r'] => text,
        text => text,
    };
    let is_ended = text.len() < line.len();
    match text.iter().position(|byte| *byte == b':') {
        Some(colon) => is_token(&text[..colon]) && is_text(&text[colon + 1..]),
        None => is_token(text) && !is_ended,
    }
}

/// Rule 8.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let (path, _, authority) = taken_apart(target);
    match (target, authority) {
        (b"*", _) => method == b"OPTIONS",
        (_, Some(authority)) => is_authority(authority) && unescaped(path).is_some(),
        (_, None) => target.starts_with(b"/") && unescaped(path).is_some(),
    }
}

/// Path, query, and the authority of the absolute form.
fn taken_apart(target: &[u8]) -> (&[u8], &[u8], Option<&[u8]>) {
    let lower = target.to_ascii_lowercase();
    let scheme = ["http://", "https://"].iter().find(|scheme| lower.starts_with(scheme.as_bytes()));
    let (authority, rest) = match scheme {
        Some(scheme) => {
            let rest = &target[scheme.len()..];
            let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
        None => (None, target),
    };
    let mut parts = rest.splitn(2, |byte| *byte == b'?');
    let (path, query) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (if path.is_empty() { b"/" } else { path }, query, authority)
}

/// The path with each %XX as its byte, but none that is NUL.
fn unescaped(path: &[u8]) -> Option<Vec<u8>> {
    let mut parts = path.split(|byte| *byte == b'%');
    let mut bytes = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let (digits, text) = part.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        bytes.push(Some(byte).filter(|byte| *byte != 0)?);
        bytes.extend_from_slice(text);
    }
    Some(bytes)
}

/// Rule 6: a host, and a port if there is a colon.
fn is_authority(text: &[u8]) -> bool {
    let (host, port) = match text.strip_prefix(b"[") {
        Some(literal) => match literal.iter().position(|byte| *byte == b']') {
            Some(end) => (&text[..end + 2], &literal[end + 1..]),
            None => return false,
        },
        None => text.split_at(text.iter().position(|byte| *byte == b':').unwrap_or(text.len())),
    };
    let is_host = match host {
        [b'[', literal @ .., b']'] => {
            !literal.is_empty() && literal.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        name => {
            let mut parts = name.split(|byte| *byte == b'%');
            let is_plain = |text: &[u8]| {
                text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(byte))
            };
            let is_escape = |part: &[u8]| {
                part.len() >= 2 && part[..2].iter().all(u8::is_ascii_hexdigit) && is_plain(&part[2..])
            };
            !name.is_empty() && parts.next().is_some_and(is_plain) && parts.all(is_escape)
        }
    };
    is_host && matches!(port, [] | [b':', ..]) && port.iter().skip(1).all(u8::is_ascii_digit)
}

/// RFC 9110, 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let separators = b"\"(),/:;<=>?@[\\]{}";
    !text.is_empty() && text.iter().all(|byte| (b'!'..=b'~').contains(byte) && !separators.contains(byte))
}

/// RFC 9110, 5.5: no control character but the tab.
fn is_text(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// Without the white space (spaces and tabs) around it.
fn white(text: &[u8]) -> &[u8] {
    let is_white = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = text.iter().position(|byte| !is_white(byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_white(byte)).map_or(start, |at| at + 1);
    &text[start..end]
}
