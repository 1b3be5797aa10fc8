//! The releases: which load of the code serves, and the reload that is to take its place.
//!
//! A reload has workers load the code anew, a few at a time, so that there is memory for them. The first few show that the
//! code can be loaded: until all of these serve, nothing else changes, and if one of them cannot start, all is as it was. From
//! then on each new worker takes the place of the one before it as soon as it serves.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use log::{error, info};

use super::fleet::{Fleet, Stage};
use super::handover::{Handover, Left};
use super::sd_notify::SdNotify;
use super::worker_setup::unix_micros;

/// The loads of the code, each with a number from 1 on: its generation.
pub(super) struct Releases {
    /// The one that serves.
    current: u32,
    /// The last one that was begun.
    last: u32,
    reload: Option<Reload>,
    /// How many workers a reload starts at once, a count; `None` is a quarter of them.
    step: Option<u32>,
}

/// A reload on its way.
struct Reload {
    generation: u32,
    began: Instant,
    /// The first ones serve: the code can be loaded.
    is_proven: bool,
    /// In development: nothing else has served meanwhile.
    replaces: bool,
}

impl Releases {
    /// The first one, or those of the master before. A reload is to start so many workers at once; `None` is a quarter of them.
    pub(super) fn new(step: Option<u32>, handover: Option<&Handover>) -> Self {
        let handed = handover.and_then(|handover| {
            let (current, last) = handover.one(LOADS)?.split_once(' ')?;
            Some((current.parse().ok()?, last.parse().ok()?))
        });
        let (current, last) = handed.unwrap_or((1, 1));
        Releases { current, last, reload: None, step }
    }

    /// The load that serves.
    pub(super) fn current(&self) -> u32 {
        self.current
    }

    /// The loads of which a worker will do for each number, from and to, and how many may be started just now.
    pub(super) fn wanted(&self, fleet: &Fleet) -> Vec<(RangeInclusive<u32>, usize)> {
        let Some(reload) = &self.reload else { return vec![(0..=self.current, usize::MAX)] };
        let started = fleet.count(|one| one.generation == reload.generation && one.stage == Stage::Starting);
        let at_work =
            if reload.is_proven { started } else { started + fleet.serving(reload.generation).len() };
        let may_start = self.step(fleet).saturating_sub(at_work);
        // Workers of the load before are made up for only while they might have to serve on.
        let before = if reload.is_proven { 0 } else { usize::MAX };
        vec![(0..=self.current, before), (reload.generation..=reload.generation, may_start)]
    }

    /// The load that is to take the place of the one that serves, while it may still turn out that it cannot.
    pub(super) fn on_trial(&self) -> Option<u32> {
        self.reload.as_ref().filter(|reload| !reload.is_proven).map(|reload| reload.generation)
    }

    /// Whether this load serves, or is about to.
    pub(super) fn is_wanted(&self, generation: u32) -> bool {
        generation == self.current
            || self.reload.as_ref().is_some_and(|reload| reload.generation == generation)
    }

    fn step(&self, fleet: &Fleet) -> usize {
        let wanted = fleet.wanted();
        self.step.unwrap_or(wanted.div_ceil(4)).clamp(1, wanted) as usize
    }

    /// Loads the code anew in as many workers as serve. One that is on its way is given up for it: its code is older.
    pub(super) fn begin(&mut self, why: &str, fleet: &mut Fleet, systemd: &SdNotify) {
        if self.reload.is_some() {
            info!("reload: begun anew");
        }
        self.give_way(fleet);
        self.count(fleet, systemd);
        self.go_on(why, fleet, false);
    }

    /// The same in development: those that serve leave at once, so that no request meets the code of before. The new ones
    /// serve in any case, be it a page that says why the code cannot be loaded.
    pub(super) fn replace(&mut self, why: &str, fleet: &mut Fleet, systemd: &SdNotify) {
        self.count(fleet, systemd);
        self.go_on(why, fleet, true);
    }

    /// Gives the reload up that is on its way: its code is older.
    pub(super) fn give_way(&mut self, fleet: &mut Fleet) {
        let Some(reload) = self.reload.take() else { return };
        if reload.is_proven {
            // Those of it that serve go on, as do those of the load before.
            self.current = reload.generation;
            fleet.retire(|one| one.generation == reload.generation && one.stage == Stage::Starting);
        } else {
            fleet.retire(|one| one.generation == reload.generation);
        }
    }

    /// Leaves it to a new master which of them serves.
    pub(super) fn leave(&self, left: &mut Left) {
        left.line(LOADS, format_args!("{} {}", self.current, self.last));
    }

    /// Goes on with a reload that has been counted, perhaps by the master before; in development, where it `replaces`, those
    /// that serve leave at once.
    pub(super) fn go_on(&mut self, why: &str, fleet: &mut Fleet, replaces: bool) {
        self.last += 1;
        self.reload =
            Some(Reload { generation: self.last, began: Instant::now(), is_proven: replaces, replaces });
        if replaces {
            self.current = self.last;
            fleet.retire(|_| true);
        }
        self.announce(why, fleet);
    }

    /// Counts a reload that begins.
    pub(super) fn count(&self, fleet: &mut Fleet, systemd: &SdNotify) {
        let master = &fleet.scoreboard().master;
        master.reloads.fetch_add(1, Relaxed);
        master.reload_began_at.store(unix_micros(), Relaxed);
        fleet.forget_failures();
        systemd.reloading();
    }

    fn announce(&self, why: &str, fleet: &Fleet) {
        let (count, step) = (fleet.wanted(), self.step(fleet));
        match count {
            1 => info!("reload ({why}): a new worker loads the code"),
            _ if step == count as usize => info!("reload ({why}): {count} new workers load the code"),
            _ => info!("reload ({why}): {count} new workers load the code, {step} at a time"),
        }
    }

    /// Has old workers leave whose place new ones have taken.
    pub(super) fn settle(&mut self, fleet: &mut Fleet, systemd: &SdNotify) {
        let step = self.step(fleet);
        let Some(reload) = &mut self.reload else { return };
        let (generation, serving) = (reload.generation, fleet.serving(reload.generation));
        reload.is_proven |= serving.len() >= step;
        if reload.is_proven {
            fleet.retire(|one| {
                one.generation < generation && one.is_in_service() && serving.contains(&one.number)
            });
        }
        let Some(reload) = self.reload.take_if(|reload| fleet.all_serve(reload.generation)) else { return };
        self.current = reload.generation;
        fleet.scoreboard().master.generation.store(reload.generation, Relaxed);
        reload_is_over(fleet, systemd);
        let seconds = reload.began.elapsed().as_secs_f64();
        if reload.replaces {
            info!("reload: requests are answered again, after {seconds:.2} s");
        } else {
            info!("reload: the new code serves, after {seconds:.1} s; the workers before finish what runs");
        }
        fleet.retire(|one| one.generation != reload.generation);
    }

    /// The new code cannot be loaded: the old workers serve on.
    pub(super) fn fail(&mut self, why: &str, fleet: &mut Fleet, systemd: &SdNotify) {
        let Some(reload) = self.reload.take() else { return };
        error!("reload: the new code cannot be loaded, and the old serves on: {why}");
        fleet.retire(|one| one.generation == reload.generation);
        self.has_failed(fleet, systemd);
    }

    /// A reload that was counted is over, and nothing is new.
    pub(super) fn has_failed(&self, fleet: &Fleet, systemd: &SdNotify) {
        fleet.scoreboard().master.reload_failures.fetch_add(1, Relaxed);
        reload_is_over(fleet, systemd);
    }

    /// The master ends: no other load takes this one's place.
    pub(super) fn give_up(&mut self) {
        self.reload = None;
    }
}

fn reload_is_over(fleet: &Fleet, systemd: &SdNotify) {
    fleet.scoreboard().master.reload_ended_at.store(unix_micros(), Relaxed);
    systemd.ready();
}

/// What the line begins with that says which load serves, and which was the last.
const LOADS: &str = "loads";
