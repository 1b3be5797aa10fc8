//! The date that HTTP responses carry, made once a second.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as RFC 9110 section 5.6.7 writes it.
#[derive(Debug, Default)]
pub(crate) struct Date {
    second: u64,
    text: Vec<u8>,
}

impl Date {
    /// Looks at the clock, once a turn of the loop: asking for each response would cost more than it tells.
    pub(crate) fn refresh(&mut self) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            self.text.clear();
            write!(self.text, "{}", httpdate::HttpDate::from(now)).expect("a Vec takes every write");
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_as_now() {
        let mut date = Date::default();
        date.refresh();
        let text = String::from_utf8(date.text().to_vec()).unwrap();
        let age = httpdate::parse_http_date(&text).unwrap().elapsed().unwrap();
        assert!(age.as_secs() < 60, "{text}");
    }
}
