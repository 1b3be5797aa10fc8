//! How a name is found among many, or among names that were chosen to be hard to find: an open table, and a hash
//! whose key no peer knows.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::index::{Variable, count_steps};

/// Where each name stands first. A name has one slot, however often it is repeated.
pub(super) struct Table {
    /// A power of two of them, at least half of them free.
    slots: Vec<Slot>,
    /// Slots that are not free.
    taken: usize,
}

/// The hash of a name, and its place in the index. A slot is looked for from the hash's low bits on.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    place: u32,
}

impl Table {
    /// A table of the names at these places, with room for some more.
    pub(super) fn new(places: &[Variable], block: &[u8]) -> Self {
        let slots = (4 * places.len()).next_power_of_two();
        let mut table = Table { slots: vec![Slot::FREE; slots], taken: 0 };
        for (at, variable) in places.iter().enumerate() {
            table.find_or_take(places, block, &block[variable.name.range()], at);
        }
        table
    }

    /// The first place of the name.
    pub(super) fn find(&self, places: &[Variable], block: &[u8], name: &[u8]) -> Option<usize> {
        let slot = self.slots[self.slot_of(keyed_hash(name), places, block, name)];
        (!slot.is_free()).then_some(slot.place as usize)
    }

    /// The first place of the name, or `None`, and it is taken for `place` from then on.
    pub(super) fn find_or_take(
        &mut self,
        places: &[Variable],
        block: &[u8],
        name: &[u8],
        place: usize,
    ) -> Option<usize> {
        let hash = keyed_hash(name);
        let at = self.slot_of(hash, places, block, name);
        if !self.slots[at].is_free() {
            return Some(self.slots[at].place as usize);
        }
        self.slots[at] = Slot { hash, place: place as u32 };
        self.taken += 1;
        if 2 * self.taken > self.slots.len() {
            self.grow();
        }
        None
    }

    /// Follows the names to the places to which they have gone; `None` for those that were taken out.
    pub(super) fn renumber(&mut self, now_at: &[Option<usize>]) {
        for slot in &mut self.slots {
            if let Some(place) = now_at.get(slot.place as usize) {
                slot.place = place.map_or(Slot::GONE, |place| place as u32);
            }
        }
    }

    /// The slot of the name, or the free one that it would take.
    fn slot_of(&self, hash: u32, places: &[Variable], block: &[u8], name: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            count_steps(1);
            let slot = self.slots[at];
            let is_its = |v: &Variable| slot.hash == hash && &block[v.name.range()] == name;
            if slot.is_free() || places.get(slot.place as usize).is_some_and(is_its) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let slots = vec![Slot::FREE; 2 * self.slots.len()];
        let mask = slots.len() - 1;
        for slot in std::mem::replace(&mut self.slots, slots) {
            let mut at = slot.hash as usize & mask;
            while !slot.is_free() && !self.slots[at].is_free() {
                at = (at + 1) & mask;
            }
            if !slot.is_free() {
                self.slots[at] = slot;
            }
        }
    }
}

impl Slot {
    const FREE: Slot = Slot { hash: 0, place: u32::MAX };
    /// The place of a name that was taken out: a search goes on behind it.
    const GONE: u32 = u32::MAX - 1;

    fn is_free(self) -> bool {
        self.place == Slot::FREE.place
    }
}

thread_local! {
    /// Made once a thread, of what the system knows and no peer: SipHash, since it was made for this.
    static KEY: RandomState = RandomState::new();
}

fn keyed_hash(name: &[u8]) -> u32 {
    KEY.with(|key| {
        let mut hasher = key.build_hasher();
        hasher.write(name);
        (hasher.finish() >> 32) as u32
    })
}
