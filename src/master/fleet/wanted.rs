//! How many workers are wanted, and which numbers they have.

use std::collections::BTreeSet;
use std::time::Instant;

use log::info;

use super::need::{ByNeed, Found, Need};
use super::{Fleet, Stage, WORKERS_MAX, Worker};
use crate::telemetry::counted::counted;
use crate::telemetry::scoreboard::Doing;

/// The numbers of the workers that are wanted.
pub(super) struct Wanted {
    /// How many there may be.
    max: u32,
    numbers: BTreeSet<u32>,
    /// Those whose next process takes no other's place.
    fresh: BTreeSet<u32>,
    /// If they are started and ended by need.
    need: Option<Need>,
}

impl Wanted {
    /// `max` of them; or by need at first `so_far`, where a master before had as many.
    pub(super) fn new(max: u32, by_need: Option<ByNeed>, so_far: Option<u32>) -> Self {
        let first = by_need.as_ref().map_or(max, |plan| so_far.unwrap_or(plan.initial).clamp(plan.min, max));
        let need = by_need.map(|plan| Need::new(plan, Instant::now()));
        Wanted { max, numbers: (1..=first).collect(), fresh: BTreeSet::new(), need }
    }

    /// Whether a process of this number is the first since it is wanted again.
    pub(super) fn take_fresh(&mut self, number: u32) -> bool {
        self.fresh.remove(&number)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    /// Wants so many, with the lowest numbers that are free, or without the highest.
    fn resize(&mut self, count: u32) {
        while self.count() < count {
            let free = (1..).find(|number| !self.numbers.contains(number));
            let number = free.expect("there are fewer than numbers");
            self.numbers.insert(number);
            self.fresh.insert(number);
        }
        while self.count() > count {
            self.numbers.pop_last();
        }
    }
}

impl Fleet {
    /// The numbers of the workers that are wanted.
    pub(in crate::master) fn wanted_numbers(&self) -> impl Iterator<Item = u32> + use<> {
        self.wanted.numbers.clone().into_iter()
    }

    /// How many workers are wanted.
    pub(in crate::master) fn wanted(&self) -> u32 {
        self.wanted.count()
    }

    /// How many there may be.
    pub(in crate::master) fn wanted_max(&self) -> u32 {
        self.wanted.max
    }

    pub(super) fn is_wanted(&self, number: u32) -> bool {
        self.wanted.numbers.contains(&number)
    }

    /// Whether more workers can be wanted than this one.
    pub(super) fn may_share(&self) -> bool {
        self.wanted() > 1
    }

    /// Whether workers are started and ended by need.
    pub(in crate::master) fn is_by_need(&self) -> bool {
        self.wanted.need.is_some()
    }

    /// So many more workers, or fewer: of those that may be, and of those that are.
    pub(in crate::master) fn add(&mut self, more: i64) {
        let add = |count: u32| {
            let sum = (i64::from(count) + more).clamp(1, i64::from(WORKERS_MAX));
            u32::try_from(sum).unwrap_or(WORKERS_MAX)
        };
        self.wanted.max = add(self.wanted.max);
        let count = if self.is_by_need() && more < 0 { self.wanted() } else { add(self.wanted()) };
        self.wanted.resize(count.min(self.wanted.max));
        let wanted = counted(self.wanted() as usize, "worker is", "workers are");
        match self.is_by_need() {
            false => info!("{wanted} wanted"),
            true => info!("{wanted} wanted, and up to {} by need", self.wanted.max),
        }
        self.follow_wanted();
    }

    /// Starts and ends workers by need. A request `waits` to be accepted.
    pub(in crate::master) fn follow_need(&mut self, now: Instant, waits: bool) {
        let Some(mut found) = self.find_need() else {
            // Some are only just starting, or another load of the code is.
            return self.forget_need(now);
        };
        found.waits |= waits;
        let Wanted { need: Some(need), max, .. } = &mut self.wanted else { return };
        let (needed, max) = (need.look(found, *max, now), *max);
        if needed > found.workers {
            let more = counted((needed - found.workers) as usize, "worker more", "workers more");
            info!(
                "{}: {more}, {needed} of up to {max}",
                if found.waits { "requests wait" } else { "all are busy" }
            );
            self.wanted.resize(needed);
        } else if needed < found.workers {
            self.let_go(found.workers - needed);
        }
        self.follow_wanted();
    }

    /// Begins anew to look at what is needed.
    pub(in crate::master) fn forget_need(&mut self, now: Instant) {
        if let Some(need) = &mut self.wanted.need {
            need.forget(now);
        }
    }

    /// How busy the workers are, if all that are wanted serve and no other does.
    fn find_need(&mut self) -> Option<Found> {
        if !self.is_by_need() {
            return None;
        }
        let workers = self.wanted();
        let mut found = Found { workers: 0, threads: 0, busy: 0, waits: false };
        for (worker, row) in self.rows().filter(|(worker, _)| worker.is_in_service()) {
            if worker.stage != Stage::Ready || worker.retiring {
                return None;
            }
            let threads = row.thread_counts;
            found.workers += 1;
            found.threads += threads.all.max(1);
            found.busy += match threads.all {
                0 => usize::from(row.doing != Doing::Waiting),
                all => all.saturating_sub(threads.idle),
            };
            found.waits |= threads.waiting > 0;
        }
        (found.workers == workers).then_some(found)
    }

    /// Wants up to so many workers less: of those with nothing to do.
    fn let_go(&mut self, count: u32) {
        let idle = self.rows().filter(|(worker, row)| worker.stage == Stage::Ready && row.in_flight == 0);
        let mut idle: Vec<u32> = idle.map(|(worker, _)| worker.number).collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        idle.truncate(count as usize);
        for number in &idle {
            self.wanted.numbers.remove(number);
        }
        if !idle.is_empty() {
            let (gone, left) = (counted(idle.len(), "worker ends", "workers end"), self.wanted());
            info!("for want of requests {gone}, {left} of up to {}", self.wanted.max);
        }
    }

    /// Has those leave that are not wanted, and tells the others whether they are alone.
    fn follow_wanted(&mut self) {
        if self.may_share() {
            self.workers.iter_mut().for_each(Worker::share);
        }
        let wanted = self.wanted.numbers.clone();
        self.retire(|one| !wanted.contains(&one.number));
    }
}
