//! The options of `tidegate serve` about the process itself, and what runs beside it.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::logs::Telling;
use crate::cli::hooks::{self, Hook};
use crate::cli::values::mode;
use crate::master::Attach;

#[derive(Args, Debug)]
#[command(next_help_heading = "Process")]
pub(in crate::cli) struct Process {
    /// Serve as this user, a name or a number: started as root, the command gives up root's rights for good once
    /// it listens. Unix sockets and log files are then this user's.
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
    pub(in crate::cli) user: Option<String>,

    /// Serve as this group [default: the user's own]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) group: Option<String>,

    /// The mode bits, in octal, that files which the application makes are not to have.
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(in crate::cli) umask: Option<u32>,

    /// Keep COMMAND running beside the workers, and end it with the server: as 'celery -A shop worker'. A shell runs it,
    /// as the user of --user. May be given several times; docs/workers.md has what may stand in brackets before it.
    #[arg(long, value_name = "COMMAND")]
    pub(in crate::cli) attach: Vec<Attach>,

    /// Do ACTION at a MOMENT of the server's life, as pre-app=exec:./migrate. May be given several times; docs/workers.md has
    /// the moments and the actions, which are uWSGI's. One that fails ends the start.
    #[arg(long = "hook", value_name = "MOMENT=ACTION", hide_short_help = true)]
    pub(in crate::cli) hooks: Vec<Hook>,

    /// Write the master's process number to FILE.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) pidfile: Option<PathBuf>,

    /// Make a named pipe that takes commands of one letter: `echo r >FIFO` reloads, q stops; docs/workers.md has them all.
    #[arg(long, value_name = "FIFO", hide_short_help = true)]
    pub(in crate::cli) control: Option<PathBuf>,

    /// Go to the background once the server serves; --log-file says where it writes then. If it cannot serve, the reason is told
    /// and the exit status is 1. systemd and containers want it in the foreground.
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) daemonize: bool,

    /// Have SIGTERM reload, as uWSGI 2.0 has it: SIGINT and SIGQUIT stop.
    #[arg(long, hide_short_help = true)]
    pub(in crate::cli) term_reloads: bool,
}

impl Process {
    /// Whether SIGTERM reloads.
    pub(in crate::cli) fn term_reloads(&self) -> bool {
        self.term_reloads && !hooks::stop_on_sigterm(&self.hooks)
    }

    /// Which of these options are of no use, where there is a master or none.
    pub(super) fn contradiction(&self, has_master: bool, telling: &Telling) -> Option<&'static str> {
        if self.daemonize && telling.log_target().is_none() {
            return Some(
                "--daemonize leaves the terminal, and all that is said there would be lost; give --log-file too",
            );
        }
        if has_master {
            return None;
        }
        if !self.attach.is_empty() {
            return Some("--attach is a master's work, and with --workers 0 there is none; take --workers 1");
        }
        if self.control.is_some() {
            return Some("--control is a master's, and with --workers 0 there is none; take --workers 1");
        }
        self.term_reloads
            .then_some("--term-reloads is a master's, and with --workers 0 there is none; take --workers 1")
    }
}
