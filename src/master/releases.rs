//! The releases: which load of the code serves, and the reload that is to take its place.
//!
//! A reload has workers load the code anew, which take the place of those that serve only once all of them do.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use log::{error, info};

use super::fleet::Fleet;
use super::sd_notify::SdNotify;
use super::worker_setup::unix_micros;

/// The loads of the code, each with a number from 1 on: its generation.
pub(super) struct Releases {
    /// The one that serves.
    current: u32,
    /// The last one that was begun.
    last: u32,
    reload: Option<Reload>,
}

/// A reload on its way.
struct Reload {
    generation: u32,
    began: Instant,
}

impl Releases {
    /// The first one.
    pub(super) fn new() -> Self {
        Releases { current: 1, last: 1, reload: None }
    }

    /// The load that serves.
    pub(super) fn current(&self) -> u32 {
        self.current
    }

    /// The load that serves, and the one that is to take its place.
    pub(super) fn wanted(&self) -> impl Iterator<Item = u32> + use<> {
        [Some(self.current), self.reloaded()].into_iter().flatten()
    }

    /// The load that is to take the place of the one that serves.
    pub(super) fn reloaded(&self) -> Option<u32> {
        self.reload.as_ref().map(|reload| reload.generation)
    }

    /// Loads the code anew in as many workers as serve. One that is on its way is given up for it: its code is older.
    pub(super) fn begin(&mut self, why: &str, fleet: &mut Fleet, systemd: &SdNotify) {
        if let Some(reload) = self.reload.take() {
            info!("reload: begun anew");
            fleet.retire(|one| one.generation == reload.generation);
        }
        self.last += 1;
        self.reload = Some(Reload { generation: self.last, began: Instant::now() });
        let master = &fleet.scoreboard().master;
        master.reloads.fetch_add(1, Relaxed);
        master.reload_began_at.store(unix_micros(), Relaxed);
        fleet.forget_failures();
        systemd.reloading();
        info!("reload ({why}): {} new workers load the code", fleet.wanted());
    }

    /// Has the old workers leave, if all new ones serve.
    pub(super) fn settle(&mut self, fleet: &mut Fleet, systemd: &SdNotify) {
        let Some(reload) = self.reload.take_if(|reload| fleet.all_serve(reload.generation)) else { return };
        self.current = reload.generation;
        fleet.scoreboard().master.generation.store(reload.generation, Relaxed);
        reload_is_over(fleet, systemd);
        info!(
            "reload: the new code serves, after {:.1} s; the workers before finish what runs",
            reload.began.elapsed().as_secs_f64()
        );
        fleet.retire(|one| one.generation != reload.generation);
    }

    /// The new code cannot be loaded: the old workers serve on.
    pub(super) fn fail(&mut self, why: &str, fleet: &mut Fleet, systemd: &SdNotify) {
        let Some(reload) = self.reload.take() else { return };
        error!("reload: the new code cannot be loaded, and the old serves on: {why}");
        fleet.scoreboard().master.reload_failures.fetch_add(1, Relaxed);
        fleet.retire(|one| one.generation == reload.generation);
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
