//! How much a configuration may be: each many times of what any has, so that a mistake has an end.

use std::time::Duration;

use crate::cli::bounded::SETTINGS_BYTES_MAX;

/// Of a file, and of what a command or stdin brings.
pub(super) const FILE_BYTES_MAX: u64 = SETTINGS_BYTES_MAX;
/// Files inside files.
pub(super) const DEPTH_MAX: usize = 32;
/// Files in all, and commands.
pub(super) const FILES_MAX: usize = 1_000;
/// Directives in all: what a `for` in a `for` of another file can come to.
pub(super) const DIRECTIVES_MAX: usize = 20_000;
/// Of a value, when all in it is resolved.
pub(super) const VALUE_BYTES_MAX: usize = 64 << 10;
/// Names in a value.
pub(super) const REPLACEMENTS_MAX: usize = 1_000;
/// How long a command of `exec://` may take.
pub(super) const COMMAND_TIME_MAX: Duration = Duration::from_secs(30);
