//! Reloads: workers that load the code anew, and take the place of those that serve only once all of them do.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use log::{error, info, warn};

use super::worker_setup::unix_micros;
use super::{Master, State};

/// A reload on its way.
#[derive(Debug)]
pub(super) struct Reload {
    generation: u32,
    began: Instant,
}

impl Master<'_> {
    /// Loads the code anew in as many workers as serve. One that is on its way is given up for it: its code is older.
    pub(super) fn start_reload(&mut self, why: &str) {
        if self.state != State::Serving {
            warn!("reload: the workers are only just loading the code; ask again when they serve");
            return;
        }
        if let Some(reload) = self.reload.take() {
            info!("reload: begun anew");
            self.dismiss(reload.generation);
        }
        self.last_generation += 1;
        self.reload = Some(Reload { generation: self.last_generation, began: Instant::now() });
        let master = &self.scoreboard.master;
        master.reloads.fetch_add(1, Relaxed);
        master.reload_began_at.store(unix_micros(), Relaxed);
        self.backoff.reset();
        self.notify.reloading();
        info!("reload ({why}): {} new workers load the code", self.wanted);
    }

    /// The load that is to take the place of the one that serves.
    pub(super) fn reloaded_generation(&self) -> Option<u32> {
        self.reload.as_ref().map(|reload| reload.generation)
    }

    pub(super) fn is_reloading(&self, generation: u32) -> bool {
        self.reloaded_generation() == Some(generation)
    }

    /// Has the old workers leave, if all new ones serve.
    pub(super) fn finish_reload(&mut self) {
        let Some(reload) = self.reload.take() else { return };
        if !self.all_serve(reload.generation) {
            self.reload = Some(reload);
            return;
        }
        self.generation = reload.generation;
        self.scoreboard.master.generation.store(reload.generation, Relaxed);
        self.reload_is_over();
        info!(
            "reload: the new code serves, after {:.1} s; the workers before finish what runs",
            reload.began.elapsed().as_secs_f64()
        );
        for worker in self.workers.iter_mut().filter(|one| one.generation != reload.generation) {
            worker.retire(self.scoreboard, self.plan.grace);
        }
    }

    /// The new code cannot be loaded: the old workers serve on.
    pub(super) fn fail_reload(&mut self, why: &str) {
        let Some(reload) = self.reload.take() else { return };
        error!("reload: the new code cannot be loaded, and the old serves on: {why}");
        self.scoreboard.master.reload_failures.fetch_add(1, Relaxed);
        self.dismiss(reload.generation);
        self.reload_is_over();
    }

    fn dismiss(&mut self, generation: u32) {
        for worker in self.workers.iter_mut().filter(|one| one.generation == generation) {
            worker.retire(self.scoreboard, self.plan.grace);
        }
    }

    fn reload_is_over(&mut self) {
        self.scoreboard.master.reload_ended_at.store(unix_micros(), Relaxed);
        self.notify.ready();
    }
}
