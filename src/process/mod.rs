//! This process, which others may share: its standard descriptors, the children that an application forks, its threads.

pub(crate) mod descriptors;
pub(crate) mod fork_watch;
pub(crate) mod load;
pub(crate) mod memory;

/// Looks until it is so; for longer than any machine should take.
#[cfg(test)]
#[track_caller]
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < std::time::Duration::from_secs(30), "it never came to this");
        std::thread::yield_now();
    }
}
