//! Whatever bytes arrive, the conversation reads in them what the oracle does: the same requests, in them the same method,
//! target, fields and body, and the same refusal. And it comes to that however they are split.
#![no_main]

#[path = "../../tests/http/compare.rs"]
mod compare;
#[path = "../../tests/feeding/mod.rs"]
mod feeding;
#[path = "../../tests/http/oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use tidegate::{Limits, ProtocolName};

// An input is the bytes of a connection, and behind them a byte that chooses the bounds.
fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_last() else { return };
    let limits = match choice % 2 {
        0 => Limits::default(),
        _ => compare::small(),
    };
    let seen = feeding::assert_any_split(ProtocolName::Http, bytes, &[usize::from(*choice)], &limits);
    compare::assert_same_reading(bytes, &seen, &limits);
});
