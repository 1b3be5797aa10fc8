//! The decoder's reading of a connection's bytes against the oracle's. The tests here and `fuzz/` share it.

use std::collections::BTreeMap;

use tidegate::Limits;
use tidegate::protocol::Phase;

use super::feeding::{End, Outcome};
use super::oracle::{self, Bounds, Ending, Reading};

/// That the decoder took or refused the same requests, for the same status, and saw in each the same.
pub(crate) fn assert_same_reading(bytes: &[u8], seen: &Outcome, limits: &Limits) {
    let bounds = Bounds {
        request_line: limits.http_request_line_bytes_max,
        head: limits.http_head_bytes_max,
        fields: limits.http_headers_count_max,
        chunk_line: limits.http_chunk_line_bytes_max,
        body: limits.body_bytes_max,
    };
    let reading = oracle::read(bytes, bounds);
    if let Some(difference) = difference(seen, &reading, bytes.len()) {
        panic!(
            "{difference}\nthe decoder: {seen:?}\nthe oracle: {:?}\nof {} with {bounds:?}",
            reading,
            bytes.escape_ascii()
        );
    }
}

fn difference(seen: &Outcome, reading: &Reading, len: usize) -> Option<String> {
    for (number, (request, message)) in seen.requests.iter().zip(&reading.messages).enumerate() {
        let environ: BTreeMap<_, _> = request.environ.iter().cloned().collect();
        if environ != oracle::environ(message) || environ.len() != request.environ.len() {
            return Some(format!(
                "the environ of request {number}, for which {:?}",
                oracle::environ(message)
            ));
        }
        if request.body != message.body {
            return Some(format!("the body of request {number}"));
        }
        if request.keep_alive != message.persists {
            return Some(format!("whether another may follow request {number}"));
        }
    }
    if seen.requests.len() != reading.messages.len() {
        return Some("how many requests there are".to_owned());
    }
    let end = match seen.end {
        End::Open(phase) => Ending::Incomplete { begun: phase != Phase::Idle },
        End::Closed => Ending::Closed { left: len - seen.taken },
        End::Refused { status, .. } => Ending::Refused { status: status.unwrap_or_default() },
    };
    (end != reading.end).then(|| "what comes behind the last request".to_owned())
}

/// Bounds that short requests reach.
pub(crate) fn small() -> Limits {
    Limits {
        http_request_line_bytes_max: 60,
        http_head_bytes_max: 150,
        http_headers_count_max: 4,
        http_chunk_line_bytes_max: 20,
        body_bytes_max: 30,
        ..Limits::default()
    }
}
