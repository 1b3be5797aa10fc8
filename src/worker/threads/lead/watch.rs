//! When the watcher takes the loop: it lies there for long, and not because its driver had no processor.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Lead;

impl<L, T, R> Lead<L, T, R> {
    /// Waits until the loop has lain there for `patience` or a little longer, and takes it; `None` when it is over.
    ///
    /// `begin_look` is called when it is seen to lie there first, and `is_held_up` each `patience` from then on: while that is
    /// true, whoever laid it down has had no processor to run the application on, and will be as quick as others once it has;
    /// to take the loop would only add to what the processor has to do.
    pub(in crate::worker::threads) fn watch(
        &self,
        patience: Duration,
        mut begin_look: impl FnMut(),
        mut is_held_up: impl FnMut() -> bool,
    ) -> Option<L> {
        let mut state = self.lock();
        let (mut seen, mut idle, mut first_seen) = (None, 0, Instant::now());
        while !state.is_over {
            let is_same = seen == Some(state.times);
            let lies = state.laid_down.is_some() && state.offered.is_none();
            if lies {
                let times = state.times;
                // The driver is not kept waiting for what the system says.
                drop(state);
                let takes = is_same && (first_seen.elapsed() >= HELD_UP_TIME_MAX || !is_held_up());
                if !is_same {
                    begin_look();
                    first_seen = Instant::now();
                }
                state = self.lock();
                let is_there = state.times == times && state.laid_down.is_some() && state.offered.is_none();
                if takes && is_there {
                    return state.laid_down.take();
                }
                idle = 0;
                seen = Some(times);
            } else {
                idle = if is_same { idle + 1 } else { 0 };
                seen = Some(state.times);
            }
            if !lies && idle >= IDLE_LOOKS_COUNT {
                // Nobody asks the application: the next that lays the loop down wakes this thread.
                state.watcher_sleeps = true;
                state = self.watcher.wait(state).unwrap_or_else(PoisonError::into_inner);
                (seen, idle) = (None, 0);
            } else {
                let waited = self.watcher.wait_timeout(state, patience);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        None
    }
}

/// Looks without a call of the application after which the watcher waits to be woken, a count: some ms.
const IDLE_LOOKS_COUNT: u32 = 16;

/// How long the loop may lie there though its driver is only held up: more than Linux gives one of several threads at a time
/// (3 ms), and little enough for who waits meanwhile.
const HELD_UP_TIME_MAX: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(1);

    #[test]
    fn the_watcher_takes_what_lies_there() {
        let lead: Lead<u8, (), ()> = Lead::new(1, false);
        lead.lay_down(7, true);
        assert_eq!(lead.watch(PATIENCE, || (), || false), Some(7));
        assert_eq!(lead.take_back(), None);
    }

    #[test]
    fn a_driver_that_is_held_up_keeps_it_for_a_while() {
        let lead: Lead<u8, (), ()> = Lead::new(1, false);
        lead.lay_down(7, true);
        let (mut begun, mut asked) = (0, 0);
        let taken = lead.watch(
            PATIENCE,
            || begun += 1,
            || {
                asked += 1;
                asked < 4
            },
        );
        // On a machine that does other things beside, its time may be up before.
        assert!(taken == Some(7) && begun == 1 && asked <= 4, "{taken:?} {begun} {asked}");
        lead.lay_down(8, true);
        let begin = Instant::now();
        assert_eq!(lead.watch(PATIENCE, || (), || true), Some(8));
        assert!(begin.elapsed() >= HELD_UP_TIME_MAX);
    }

    #[test]
    fn a_watcher_that_sleeps_is_woken_by_the_next_call() {
        let lead: Arc<Lead<u8, (), ()>> = Arc::new(Lead::new(1, false));
        let watcher = thread::spawn({
            let lead = Arc::clone(&lead);
            move || lead.watch(PATIENCE, || (), || false)
        });
        while !lead.lock().watcher_sleeps {
            thread::yield_now();
        }
        lead.lay_down(7, true);
        assert_eq!(watcher.join().unwrap(), Some(7));
    }
}
