//! Whatever bytes arrive, the conversation does not panic, and comes to the same requests and the same refusal
//! however they are split.
#![no_main]

#[path = "../../tests/feeding/mod.rs"]
mod feeding;

use libfuzzer_sys::fuzz_target;
use tidegate::{Limits, ProtocolName};

// An input is the bytes of a connection, and behind them the places of two cuts.
fuzz_target!(|input: &[u8]| {
    let Some((bytes, [first, second])) = input.split_last_chunk() else { return };
    // Bounds that an input of some hundred bytes reaches.
    let limits = Limits {
        http_request_line_bytes_max: 100,
        http_head_bytes_max: 400,
        http_headers_count_max: 10,
        http_chunk_line_bytes_max: 40,
        body_bytes_max: 300,
        body_memory_bytes_max: 300,
        ..Limits::default()
    };
    let cuts = [usize::from(*first), usize::from(*second)];
    feeding::assert_any_split(ProtocolName::Http, bytes, &cuts, &limits);
});
