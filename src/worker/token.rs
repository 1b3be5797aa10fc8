//! The poller's tokens. A connection's is its key in the slab and a part of its number: an event may outlive the connection
//! that it tells of, and another may have the key by then.

use mio::Token;

/// The orders' stream.
pub(super) const ORDERS: Token = Token(usize::MAX - 1);
/// The line to the master.
pub(super) const LINK: Token = Token(usize::MAX - 2);

/// What wakes the loop for the application's threads.
pub(super) const THREADS: Token = Token(usize::MAX - 3);

/// What other workers pass on.
pub(super) const RELAY: Token = Token(usize::MAX - 4);

/// The listener at this place.
pub(super) fn of_listener(at: usize) -> Token {
    Token(FIRST_LISTENER - at)
}

/// The place of the listener that a token is of, if there are so many.
pub(super) fn listener(token: Token, count: usize) -> Option<usize> {
    FIRST_LISTENER.checked_sub(token.0).filter(|at| *at < count)
}

/// The connection `id` at `key`.
pub(super) fn of_connection(key: usize, id: u64) -> Token {
    let generation = id as usize & GENERATION;
    Token(generation << KEY_BITS | key)
}

/// The key in a connection's token.
pub(super) fn key(token: Token) -> usize {
    token.0 & KEY
}

/// Listeners count down from here.
const FIRST_LISTENER: usize = usize::MAX - 5;
/// A key has room for more connections than a process can have descriptors for.
const KEY_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const KEY: usize = (1 << KEY_BITS) - 1;
/// The highest bit stays free, so that no connection's token is one of those above.
const GENERATION: usize = usize::MAX >> 1 >> KEY_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_apart() {
        for (key, id) in [(0, 0), (0, 1), (7, 1), (16_384, u64::MAX), (KEY, u64::MAX)] {
            let token = of_connection(key, id);
            assert_eq!(super::key(token), key);
            assert!(token != ORDERS && token != LINK && listener(token, 1_000).is_none(), "{token:?}");
            assert_ne!(token, of_connection(key, id.wrapping_add(1)));
        }
        for at in [0, 1, 999] {
            assert_eq!(listener(of_listener(at), 1_000), Some(at));
        }
        assert_eq!(listener(of_listener(2), 2), None);
        assert_eq!(listener(ORDERS, 1_000).or(listener(LINK, 1_000)), None);
        assert_eq!(listener(THREADS, 1_000).or(listener(RELAY, 1_000)), None);
    }
}
