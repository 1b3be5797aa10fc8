//! A number with its noun, and its verb if there is one.

/// `1 worker serves`, `2 workers serve`.
pub(crate) fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}
