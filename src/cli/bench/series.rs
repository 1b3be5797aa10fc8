//! A run's course: what was counted in each second, or in longer stretches of a long run.

use super::tally::Tally;

/// Stretches of equal length, from the end of the warm-up on.
#[derive(Clone, Default)]
pub(super) struct Series {
    /// The length of each in seconds, as a power of two.
    doublings: u32,
    stretches: Vec<Option<Tally>>,
}

impl Series {
    /// Adds what was counted in the second after so many.
    pub(super) fn add(&mut self, second: u64, tally: Tally) {
        while second >> self.doublings >= STRETCHES_MAX {
            self.double();
        }
        // No more than `STRETCHES_MAX`.
        let at = (second >> self.doublings) as usize;
        if self.stretches.len() <= at {
            self.stretches.resize_with(at + 1, || None);
        }
        match &mut self.stretches[at] {
            Some(there) => there.add(&tally),
            place => *place = Some(tally),
        }
    }

    /// The length of a stretch, seconds.
    pub(super) fn seconds(&self) -> u64 {
        1 << self.doublings
    }

    /// Each stretch with the seconds before it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Tally)> {
        let numbered = (0_u64..).zip(&self.stretches);
        numbered.filter_map(|(at, tally)| Some((at << self.doublings, tally.as_ref()?)))
    }

    /// The last stretch.
    pub(super) fn last(&self) -> Option<&Tally> {
        self.stretches.last()?.as_ref()
    }

    fn double(&mut self) {
        self.doublings += 1;
        let old = std::mem::take(&mut self.stretches);
        for (at, tally) in old.into_iter().enumerate() {
            let place = at / 2;
            if self.stretches.len() <= place {
                self.stretches.push(None);
            }
            match (&mut self.stretches[place], tally) {
                (Some(there), Some(tally)) => there.add(&tally),
                (place, Some(tally)) => *place = Some(tally),
                (_, None) => {}
            }
        }
    }
}

/// A chart has no use for more, and each takes some 300 KiB.
const STRETCHES_MAX: u64 = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_has_longer_stretches_and_loses_nothing() {
        let mut series = Series::default();
        for second in 0..1_000 {
            let mut tally = Tally::new();
            tally.in_time = second;
            series.add(second, tally);
        }
        assert_eq!(series.seconds(), 8);
        let all: Vec<_> = series.iter().map(|(from, tally)| (from, tally.in_time)).collect();
        assert_eq!((all.len(), all[0], all[124]), (125, (0, 28), (992, (992..1_000_u64).sum::<u64>())));
        assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), (0..1_000_u64).sum::<u64>());
    }
}
