//! Tests of times, on a machine that may be busy with something else.

use std::panic::{self, AssertUnwindSafe};

/// Runs a test in which something is bounded by a short time that a busy machine may exceed where none is meant to: first with
/// times as they stand, then with ones that are so many times as long. What is wrong fails with all of them.
#[track_caller]
pub(crate) fn with_longer_times(test: impl Fn(u32)) {
    for factor in [1, 5] {
        if panic::catch_unwind(AssertUnwindSafe(|| test(factor))).is_ok() {
            return;
        }
        println!("once more, with times that are longer");
    }
    test(25);
}
