//! Whatever bytes arrive, the decoder does not panic, takes no byte behind the packet, and comes to the same result
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
    let limits =
        Limits { vars_count_max: 20, body_bytes_max: 300, body_memory_bytes_max: 300, ..Limits::default() };
    let cuts = [usize::from(*first), usize::from(*second)];
    feeding::assert_any_split(ProtocolName::Uwsgi, bytes, &cuts, &limits);
});
