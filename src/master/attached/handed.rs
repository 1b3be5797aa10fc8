//! The programs that a master leaves to the new one, which this process becomes: they stay its children.
//!
//! One that is to run as before runs on. One that is not wanted any more, or with other settings, ends first.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::super::handover::{Handover, Left};
use super::{Attach, Attached, Program};

impl Attached {
    /// Leaves those that run to a new master.
    pub(in crate::master) fn leave(&self, left: &mut Left) {
        let now = Instant::now();
        for program in self.programs.iter().chain(&self.before) {
            if let Some((attach, child, since)) = program.told(now) {
                let age = now.saturating_duration_since(since).as_millis();
                let (starts, signal, goes) =
                    (program.starts, attach.stop_signal, u8::from(program.is_leaving()));
                left.line(ATTACHED, format_args!("{child} {age} {starts} {signal} {goes} {attach:?}"));
            }
        }
    }

    /// Takes those of the master before, of which each is one of `programs`, or goes.
    pub(super) fn take_over(&mut self, handover: &Handover, now: Instant) {
        for line in handover.lines(ATTACHED) {
            let Some(told) = Told::read(line) else { continue };
            let since = now.checked_sub(told.age).unwrap_or(now);
            let same = self.programs.iter_mut().find(|program| {
                !told.goes && program.is_down() && format!("{:?}", program.attach()) == told.asked
            });
            match same {
                Some(program) => {
                    let attach = program.attach().clone();
                    *program = Program::running(attach, told.child, since, told.starts);
                }
                None => {
                    let attach = Attach::of_before(told.child, told.signal);
                    let mut program = Program::running(attach, told.child, since, told.starts);
                    program.stop(now, self.grace);
                    self.before.push(program);
                }
            }
        }
    }
}

/// What a line says.
struct Told<'a> {
    child: i32,
    age: Duration,
    starts: u64,
    signal: Signal,
    goes: bool,
    asked: &'a str,
}

impl<'a> Told<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        Some(Told {
            child: fields.next()?.parse().ok()?,
            age: Duration::from_millis(fields.next()?.parse().ok()?),
            starts: fields.next()?.parse().ok()?,
            signal: fields.next()?.parse().ok()?,
            goes: fields.next()? != "0",
            asked: fields.next()?,
        })
    }
}

const ATTACHED: &str = "attached";
