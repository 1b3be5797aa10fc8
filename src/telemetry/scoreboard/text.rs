//! Some bytes that one process writes and others read meanwhile: a sequence lock of atomics.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

/// What is kept of a text, bytes.
pub(super) const BYTES_MAX: usize = WORDS * size_of::<u64>();

const WORDS: usize = 16;

#[repr(C)]
#[derive(Default)]
pub(super) struct Text {
    /// Odd while it is being written.
    version: AtomicU64,
    len: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Text {
    /// Keeps the first [`BYTES_MAX`] bytes of the parts. Only one process may write.
    pub(super) fn write(&self, parts: &[&[u8]]) {
        let (mut bytes, mut len) = ([0; BYTES_MAX], 0);
        for part in parts {
            let part = &part[..part.len().min(BYTES_MAX - len)];
            bytes[len..len + part.len()].copy_from_slice(part);
            len += part.len();
        }
        let version = self.version.load(Relaxed) | 1;
        self.version.store(version, Relaxed);
        fence(Release);
        self.len.store(len as u64, Relaxed);
        let (words, _) = bytes[..len.next_multiple_of(size_of::<u64>())].as_chunks();
        for (word, bytes) in self.words.iter().zip(words) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        self.version.store(version + 1, Release);
    }

    /// What was written last; a mixture, if its writer was killed or put to sleep in the middle.
    pub(super) fn read(&self) -> Vec<u8> {
        (0..TRIES).find_map(|_| self.look().ok()).unwrap_or_else(|| match self.look() {
            Ok(bytes) | Err(bytes) => bytes,
        })
    }

    /// What stands there; an error if that is a mixture.
    fn look(&self) -> Result<Vec<u8>, Vec<u8>> {
        let before = self.version.load(Acquire);
        let len = self.len.load(Relaxed);
        let words: [u64; WORDS] = std::array::from_fn(|at| self.words[at].load(Relaxed));
        fence(Acquire);
        let is_whole = before.is_multiple_of(2) && self.version.load(Relaxed) == before;
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.truncate(usize::try_from(len).unwrap_or(BYTES_MAX));
        if is_whole { Ok(bytes) } else { Err(bytes) }
    }
}

/// How often a text is read that changes meanwhile. A write takes some nanoseconds.
const TRIES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_up_to_the_bound() {
        let text = Text::default();
        for len in [0, 1, 7, 8, 9, 127, 128, 129, 5, 0] {
            let bytes: Vec<u8> = (1..=len).map(|byte| byte as u8).collect();
            text.write(&[&bytes[..len / 3], &bytes[len / 3..]]);
            assert_eq!(text.read(), bytes[..len.min(BYTES_MAX)]);
        }
    }

    #[test]
    fn a_reader_never_sees_two_texts_mixed() {
        let text = Text::default();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..100_000_u32 {
                    text.write(&[&[round as u8; BYTES_MAX][..100 + round as usize % 28]]);
                }
            });
            while !writer.is_finished() {
                let Ok(bytes) = text.look() else { continue };
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "{bytes:?}");
            }
        });
    }
}
