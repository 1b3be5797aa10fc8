//! This process, which others may share: its standard descriptors, and the children that an application forks.

pub(crate) mod descriptors;
pub(crate) mod fork_watch;
