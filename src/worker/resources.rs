//! What the worker has and lends to a connection for its turn: the bounds, the clock, the observers.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::application::body_memory::BodyMemory;
use crate::connection::{Connection, Context, Runner};
use crate::limits::Limits;
use crate::net::stream::Socket;
use crate::static_files::StaticFiles;
use crate::telemetry::observer::{Note, Observer, Observers};
use crate::telemetry::scoreboard::Recorder;
use crate::worker::http_date::Date;

/// What a turn of a connection borrows as its [`Context`].
pub(super) struct Resources {
    pub(super) limits: Limits,
    pub(super) in_their_words: fn(&str) -> String,
    pub(super) bodies: BodyMemory,
    /// When memory that is kept for bodies is looked at, if there is any.
    pub(super) trims_at: Option<Instant>,
    pub(super) files: Option<StaticFiles>,
    /// What each response has behind its own fields.
    pub(super) fields: Vec<(String, String)>,
    scratch: Vec<u8>,
    pub(super) date: Date,
    pub(super) observer: Option<Box<dyn Observer + Send>>,
    pub(super) recorder: Option<Recorder>,
    /// When everything must be over, once a stop was ordered.
    pub(super) stopping: Option<Instant>,
    /// From when on kept connections are closed whose peers cannot be told, once a stop was ordered.
    pub(super) closes_kept_from: Option<Instant>,
    /// A stop will be ordered soon.
    pub(super) draining: bool,
}

impl Resources {
    pub(super) fn new(limits: Limits) -> Self {
        Resources {
            bodies: BodyMemory::new(limits.bodies_memory_bytes_max),
            trims_at: None,
            limits,
            in_their_words: str::to_owned,
            files: None,
            fields: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            date: Date::default(),
            observer: None,
            recorder: None,
            stopping: None,
            closes_kept_from: None,
            draining: false,
        }
    }

    /// Waits until bytes come, and returns whether they have.
    pub(super) fn wait_for(&self, connection: &mut Connection<Socket>) -> bool {
        let timeout = Timespec::try_from(self.limits.first_byte_time_max).ok();
        let mut descriptors = [PollFd::new(connection.stream(), PollFlags::IN)];
        poll(&mut descriptors, timeout.as_ref()).is_ok_and(|ready| ready > 0)
    }

    /// Gives the system back what no body has wanted for long.
    pub(super) fn trim(&mut self, now: Instant) {
        if self.trims_at.is_none_or(|at| at <= now) {
            if self.trims_at.is_some() {
                self.bodies.trim();
            }
            let time = self.limits.bodies_memory_idle_time_max;
            self.trims_at = self.bodies.has_spare().then(|| now + time);
        }
    }

    /// Has the recorder write this down, if there is one.
    pub(super) fn note(&mut self, note: Note<'_>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.note(note);
        }
    }

    pub(super) fn lend<T>(&mut self, runner: &mut dyn Runner, turn: impl FnOnce(&mut Context<'_>) -> T) -> T {
        turn(&mut Context {
            runner,
            files: self.files.as_ref(),
            fields: &self.fields,
            scratch: &mut self.scratch,
            limits: &self.limits,
            in_their_words: self.in_their_words,
            bodies: &self.bodies,
            date: self.date.text(),
            clock: &Instant::now,
            observers: Observers::new(match &mut self.observer {
                Some(observer) => Some(observer.as_mut()),
                None => None,
            })
            .with_recorder(self.recorder.as_mut()),
            stopping: self.draining || self.stopping.is_some(),
            closes_kept: self.closes_kept_from.is_some_and(|from| from <= Instant::now()),
        })
    }
}

/// Read at once, bytes: a whole uwsgi packet but for its last four bytes.
const SCRATCH_BYTES: usize = 64 << 10;
