//! This process, which others may share: its standard descriptors, the children that an application forks, its threads.

pub(crate) mod descriptors;
pub(crate) mod fork_watch;
pub(crate) mod load;
pub(crate) mod memory;
