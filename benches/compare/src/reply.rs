//! Is this the right answer? A wrong answer is not a fast answer, so every reply is checked.

/// Checks replies against the body that is expected, and remembers the last good one: while a
/// server sends the same bytes again and again, a check is one comparison.
pub struct Checker {
    body: Vec<u8>,
    good: Vec<u8>,
}

impl Checker {
    /// `body` is what every reply must carry, exactly.
    pub fn new(body: &[u8]) -> Checker {
        Checker { body: body.to_vec(), good: Vec::new() }
    }

    /// The length of the last good reply, head and body.
    pub fn reply_bytes(&self) -> usize {
        self.good.len()
    }

    /// The error says what came instead.
    pub fn check(&mut self, reply: &[u8]) -> Result<(), String> {
        if reply == self.good && !reply.is_empty() {
            return Ok(());
        }
        let head = head_length(reply)?;
        if reply[head..] != self.body {
            return Err(format!("wrong body: {}", String::from_utf8_lossy(&reply[head..])));
        }
        self.good = reply.to_vec();
        Ok(())
    }
}

/// The length of the head, its empty line included, of a reply with status 200.
pub fn head_length(reply: &[u8]) -> Result<usize, String> {
    let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
    let status = reply.get(9..12);
    match end {
        Some(end) if reply.starts_with(b"HTTP/1.") && status == Some(b"200") => Ok(end + 4),
        _ if reply.is_empty() => Err("closed without a reply".into()),
        _ => {
            let start = &reply[..reply.len().min(80)];
            Err(format!("no 200: {:?}", String::from_utf8_lossy(start)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_reply_passes_again_and_again() {
        let mut checker = Checker::new(b"hi");
        for _ in 0..2 {
            assert_eq!(checker.check(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhi"), Ok(()));
        }
        assert_eq!(checker.check(b"HTTP/1.0 200 OK\r\n\r\nhi"), Ok(()));
        assert_eq!(checker.reply_bytes(), 21);
    }

    #[test]
    fn anything_else_fails() {
        let mut checker = Checker::new(b"hi");
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
}
