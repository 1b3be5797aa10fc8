//! The memory that the request bodies of one worker share. What a body takes of it comes back when the body is dropped,
//! wherever and whenever that is: an application may keep one beyond its request, and drop it on a thread of its own.
//!
//! It is taken in blocks as bytes arrive, so that a peer which only says how much it will send takes none. A block that
//! comes back is kept for the next body, until the worker finds that none wanted it: the system's pages cost more
//! than all else of an upload (10 MiB: 1.9 ms of the processor in memory that was there, 7.6 ms in fresh memory).
//!
//! Nothing here waits for a lock: a child that an application forks while another thread has it would wait for ever.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use memmap2::MmapMut;

/// The memory for bodies, shared by all who have a clone of it.
#[derive(Clone)]
pub struct BodyMemory(Arc<Shared>);

struct Shared {
    bytes_max: usize,
    /// What bodies have of it, bytes.
    used: AtomicUsize,
    /// What the blocks of `spare` are, bytes.
    spare_bytes: AtomicUsize,
    spare: Mutex<Spare>,
    /// Bodies that went to a file, a count.
    files: AtomicU64,
}

/// Blocks that are nobody's.
#[derive(Default)]
struct Spare {
    blocks: Vec<MmapMut>,
    /// The fewest that there were since this was last looked at: nobody wanted them.
    unwanted: usize,
}

/// How the bodies of a worker are at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodiesNow {
    /// What they have of its memory, bytes.
    pub(crate) memory_bytes: usize,
    /// Those that have gone to a file so far, a count.
    pub(crate) files: u64,
}

/// A piece of the memory: as many pages as have been written to.
pub(crate) struct Block {
    /// There is none once it is dropped.
    memory: Option<MmapMut>,
    shared: Arc<Shared>,
}

/// Bytes of the memory that are allocated elsewhere.
#[derive(Default)]
pub(crate) struct Share {
    bytes: usize,
    shared: Option<Arc<Shared>>,
}

impl BodyMemory {
    /// A block's length, bytes: what is read at once, and what applications mostly ask for. It takes a page for each 4 KiB
    /// that have come.
    pub(crate) const BLOCK_BYTES: usize = 64 << 10;

    /// Memory of `bytes_max` bytes, of which nothing is taken from the system yet.
    pub fn new(bytes_max: usize) -> Self {
        BodyMemory(Arc::new(Shared {
            bytes_max,
            used: AtomicUsize::new(0),
            spare_bytes: AtomicUsize::new(0),
            spare: Mutex::default(),
            files: AtomicU64::new(0),
        }))
    }

    /// How it is.
    pub(crate) fn now(&self) -> BodiesNow {
        BodiesNow { memory_bytes: self.0.used.load(Relaxed), files: self.0.files.load(Relaxed) }
    }

    /// What bodies have of it, bytes.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.now().memory_bytes
    }

    /// Bodies that went to a file, a count.
    #[cfg(test)]
    pub(crate) fn files(&self) -> u64 {
        self.now().files
    }

    /// Whether there are blocks that are kept for the next body.
    pub(crate) fn has_spare(&self) -> bool {
        self.0.spare_bytes.load(Relaxed) > 0
    }

    /// Gives the system the blocks back that nobody has wanted since this was last called.
    pub(crate) fn trim(&self) {
        // Who has the lock is using them.
        if let Ok(mut spare) = self.0.spare.try_lock() {
            let wanted = spare.blocks.len() - spare.unwanted;
            self.0.cut(&mut spare, wanted);
            spare.unwanted = spare.blocks.len();
        }
    }

    /// A block, if there is memory left.
    pub(crate) fn block(&self) -> Option<Block> {
        let spare = self.0.take_spare();
        if !self.0.take(Self::BLOCK_BYTES) {
            spare.into_iter().for_each(|block| self.0.put(block));
            return None;
        }
        let mut block = Block { memory: spare, shared: Arc::clone(&self.0) };
        if block.memory.is_none() {
            // What the system refuses is given back with the block.
            block.memory = Some(MmapMut::map_anon(Self::BLOCK_BYTES).ok()?);
        }
        Some(block)
    }

    /// A body goes to a file.
    pub(crate) fn note_file(&self) {
        self.0.files.fetch_add(1, Relaxed);
    }
}

impl Share {
    /// Takes so many bytes more of `memory`; returns whether they are left.
    pub(crate) fn grow(&mut self, more: usize, memory: &BodyMemory) -> bool {
        let taken = memory.0.take(more);
        if taken {
            self.bytes += more;
            self.shared.get_or_insert_with(|| Arc::clone(&memory.0));
        }
        taken
    }
}

impl Shared {
    /// Takes so many bytes; returns whether they are left.
    fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        let Ok(before) = self.used.fetch_update(Relaxed, Relaxed, more) else { return false };
        let left = self.bytes_max - before - bytes;
        // What is kept for others is not to stand beside all that may be used.
        if self.spare_bytes.load(Relaxed) > left
            && let Ok(mut spare) = self.spare.try_lock()
        {
            self.cut(&mut spare, left / BodyMemory::BLOCK_BYTES);
        }
        true
    }

    fn take_spare(&self) -> Option<MmapMut> {
        let mut spare = self.spare.try_lock().ok()?;
        let block = spare.blocks.pop()?;
        self.spare_bytes.fetch_sub(BodyMemory::BLOCK_BYTES, Relaxed);
        spare.unwanted = spare.unwanted.min(spare.blocks.len());
        Some(block)
    }

    /// Keeps a block for the next body, if it has room and the lock is free.
    fn put(&self, block: MmapMut) {
        let used = self.used.load(Relaxed);
        if let Ok(mut spare) = self.spare.try_lock()
            && used + (spare.blocks.len() + 1) * BodyMemory::BLOCK_BYTES <= self.bytes_max
        {
            spare.blocks.push(block);
            self.spare_bytes.fetch_add(BodyMemory::BLOCK_BYTES, Relaxed);
        }
    }

    /// Gives all but `len` of the blocks back to the system.
    fn cut(&self, spare: &mut Spare, len: usize) {
        let all = spare.blocks.len();
        spare.blocks.truncate(len);
        if spare.blocks.is_empty() {
            spare.blocks.shrink_to_fit();
        }
        let cut = all - spare.blocks.len();
        self.spare_bytes.fetch_sub(cut * BodyMemory::BLOCK_BYTES, Relaxed);
        spare.unwanted = spare.unwanted.min(spare.blocks.len());
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(BodyMemory::BLOCK_BYTES, Relaxed);
        if let Some(memory) = self.memory.take() {
            self.shared.put(memory);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            shared.used.fetch_sub(self.bytes, Relaxed);
        }
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.memory.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.as_deref_mut().unwrap_or_default()
    }
}

impl fmt::Debug for BodyMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyMemory").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").finish_non_exhaustive()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = BodyMemory::BLOCK_BYTES;

    #[test]
    fn no_more_is_given_than_there_is_and_all_comes_back() {
        let memory = BodyMemory::new(3 * BLOCK + 10);
        let mut share = Share::default();
        assert!(share.grow(10, &memory) && !share.grow(3 * BLOCK + 1, &memory));
        let blocks: Vec<Block> = std::iter::from_fn(|| memory.block()).collect();
        assert_eq!((blocks.len(), memory.used()), (3, 3 * BLOCK + 10));
        assert!(!share.grow(1, &memory));
        drop(blocks);
        assert_eq!(memory.used(), 10);
        drop(share);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn a_block_is_kept_for_the_next_body_until_nobody_wants_it() {
        let memory = BodyMemory::new(8 * BLOCK);
        let blocks = [memory.block(), memory.block(), memory.block()];
        assert!(blocks.iter().all(Option::is_some) && !memory.has_spare());
        drop(blocks);
        let spare = || memory.0.spare_bytes.load(Relaxed) / BLOCK;
        assert_eq!(spare(), 3);
        // Since they came, one was wanted.
        memory.trim();
        drop(memory.block());
        memory.trim();
        assert_eq!(spare(), 1);
        memory.trim();
        assert!(!memory.has_spare());
    }

    #[test]
    fn what_is_kept_is_within_the_bound_too() {
        let memory = BodyMemory::new(4 * BLOCK);
        drop(std::iter::from_fn(|| memory.block()).collect::<Vec<_>>());
        assert_eq!(memory.0.spare_bytes.load(Relaxed), 4 * BLOCK);
        let mut share = Share::default();
        assert!(share.grow(3 * BLOCK, &memory));
        assert_eq!(memory.0.spare_bytes.load(Relaxed), BLOCK);
        let block = memory.block();
        assert_eq!((memory.used(), memory.has_spare()), (4 * BLOCK, false));
        assert!(block.is_some() && memory.block().is_none());
        drop(share);
        drop(block);
        assert_eq!((memory.used(), memory.0.spare_bytes.load(Relaxed)), (0, BLOCK));
    }

    #[test]
    fn who_finds_the_lock_taken_does_without() {
        let memory = BodyMemory::new(2 * BLOCK);
        let block = memory.block();
        let lock = memory.0.spare.lock().expect("nobody has panicked with it");
        drop(block);
        let block = memory.block();
        assert!(block.is_some_and(|block| block.len() == BLOCK));
        memory.trim();
        drop(lock);
        assert_eq!((memory.used(), memory.has_spare()), (0, false));
    }
}
