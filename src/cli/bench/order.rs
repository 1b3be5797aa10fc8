//! Which request comes next: in turns, or at random.

use fastrand::Rng;

use super::plan::{Order, Plan};

/// Picks among the requests of a plan.
pub(super) struct Picker {
    count: usize,
    next: usize,
    random: Option<Rng>,
}

impl Picker {
    /// That of thread `thread`: each begins elsewhere.
    pub(super) fn new(plan: &Plan, thread: usize) -> Self {
        let random = match plan.order {
            Order::Turns => None,
            Order::Random(seed) => Some(Rng::with_seed(seed.wrapping_add(thread as u64))),
        };
        Picker { count: plan.requests.len(), next: thread, random }
    }

    pub(super) fn next(&mut self) -> usize {
        match &mut self.random {
            Some(random) => random.usize(..self.count),
            None => {
                let next = self.next % self.count;
                self.next = next + 1;
                next
            }
        }
    }
}
