//! The options of `tidegate serve` for who is writing the application.

use std::time::Duration;

use clap::Args;

use super::workers::Workers;
use crate::master::Pattern;

#[derive(Args, Debug)]
#[command(next_help_heading = "Development")]
pub(in crate::cli) struct Development {
    /// While you develop: load the code anew when a file of it is saved, and show a page with the traceback if it cannot be
    /// loaded. Requests wait for the new code, and each is a line on stdout. Not for production.
    ///
    /// Watched are the files of the modules that are loaded, but for the standard library and what is installed in
    /// site-packages. What still runs in the code before is ended after two seconds.
    #[arg(long)]
    pub(in crate::cli) reload: bool,

    /// Do so for other files too: a file (.env), a folder with all below it (templates), or a pattern of a name ('*.html') or a
    /// path ('conf/**/*.ini'). May be given several times.
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::parse)]
    pub(in crate::cli) reload_include: Vec<Pattern>,
}

impl Development {
    /// Which of these options are of no use beside those about workers.
    pub(super) fn contradiction(&self, workers: &Workers) -> Option<&'static str> {
        if self.reload && workers.preload {
            return Some(
                "--reload has each worker load the code anew, and --preload has it loaded once, before them; take one of them out",
            );
        }
        if self.reload && workers.workers.0 == 0 {
            return Some("--reload is a master's work, and with --workers 0 there is none; take --workers 1");
        }
        (!self.reload && !self.reload_include.is_empty())
            .then_some("--reload-include says what --reload watches too; give that as well")
    }

    /// How long what runs may take to finish, of the time that --grace gives.
    pub(super) fn grace(&self, given: Duration) -> Duration {
        if self.reload { given.min(RELOAD_GRACE) } else { given }
    }
}

/// How long, under `--reload`, a request may still run in the code before: it is read by nobody any more, or is a stream that has no
/// end. The reloaders of others end it at once.
const RELOAD_GRACE: Duration = Duration::from_secs(2);
