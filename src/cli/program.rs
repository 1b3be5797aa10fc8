//! The command's owner: Tidegate itself, which serves what APP names, or a program with one application of its own.

use std::process::ExitCode;

use super::demo::Builtin;
use super::host::Own;
use super::{EXAMPLES_OF_PROGRAM, IN_NGINX, SERVE_EXAMPLES_OF_PROGRAM, SETTINGS, check, completions};
use crate::application::{AppError, Application};

/// The command `tidegate` for a program with an application of its own: `serve` with all its options (`--http`,
/// `--workers`, `--stats`, `--config` …), `check`, `top` and the rest, under the program's own name.
///
/// ```no_run
/// use tidegate::{AppError, Body, Environ, Program, StartResponse};
///
/// fn hello(_: Environ, start_response: StartResponse) -> Result<Body, AppError> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok("Hello, World\n".into())
/// }
///
/// fn main() -> std::process::ExitCode {
///     Program::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).run(|| Ok(hello))
/// }
/// ```
///
/// Started without arguments, it does what `serve` does: uwsgi on 127.0.0.1:3031 and HTTP on 127.0.0.1:8080. An error
/// of the application's is logged on stderr, and so is all that it says with the crate `log`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    name: &'static str,
    version: &'static str,
    about: &'static str,
    /// APP says which application.
    takes_app: bool,
}

impl Program {
    /// The command that is called `name`, and answers `--version` with `version`.
    pub fn new(name: &'static str, version: &'static str) -> Self {
        Program { name, version, about: "A web application, served by Tidegate.", takes_app: false }
    }

    /// What it is, for `--help`: a sentence.
    #[must_use]
    pub fn about(self, about: &'static str) -> Self {
        Program { about, ..self }
    }

    /// Runs the command that the process's arguments ask for; returns the exit status for `main`.
    ///
    /// `load` makes the application. Each worker calls it once, after the fork, so that what it opens (a connection to a
    /// database, say) is that worker's alone; SIGHUP has new workers call it again. A new build of the program is taken
    /// up by SIGUSR2, which loses no request either; while you develop, `watchexec --restart cargo run -- serve` starts each. An error of `load`'s ends the command with a line that says it.
    pub fn run<A: Application + 'static>(
        self,
        load: impl Fn() -> Result<A, AppError> + Sync + 'static,
    ) -> ExitCode {
        // A program has one, for as long as it runs.
        let host = Box::leak(Box::new(Own(load)));
        ExitCode::from(super::run_program(&self, host, std::env::args_os().collect()))
    }

    /// Tidegate's own.
    pub(super) const TIDEGATE: Program =
        Program { name: "tidegate", version: env!("CARGO_PKG_VERSION"), about: "", takes_app: true };

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn takes_app(&self) -> bool {
        self.takes_app
    }

    /// The application that comes with the server and is called `app`.
    pub(super) fn builtin(&self, app: &str) -> Option<Builtin> {
        self.takes_app.then(|| app.parse().ok()).flatten()
    }

    /// Makes this program's definition of Tidegate's own. What names an application, or is for another language, is
    /// hidden, and by that refused: as an argument by [`parse`](super::parse), and as a setting by
    /// [`Key`](super::config).
    pub(super) fn adapt(&self, tidegate: clap::Command) -> clap::Command {
        if self.takes_app {
            return tidegate;
        }
        let (name, rename) = (self.name, |words: &dyn ToString| self.rename(&words.to_string()));
        let command = tidegate
            .name(name)
            .version(self.version)
            .about(self.about)
            .long_about(format!("{}\n\nWithout a command it does what `{name} serve` does.", self.about))
            .after_help(self.rename(EXAMPLES_OF_PROGRAM));
        command.mut_subcommands(|command| {
            let command = command.mut_args(|arg| match arg.get_id().as_str() {
                super::APP => arg.hide(true).default_value(name),
                "pythonpath"
                | "virtualenv"
                | "pyargv"
                | "import"
                | "env"
                | "reload"
                | "reload_include"
                | super::MOUNTS => arg.hide(true),
                _ => {
                    let help = arg.get_help().map(|words| rename(words)).unwrap_or_default();
                    match arg.get_long_help().map(|words| rename(words)) {
                        Some(long_help) => arg.help(help).long_help(long_help),
                        None => arg.help(help),
                    }
                }
            });
            let help = match command.get_name() {
                "serve" => Some([SETTINGS, SERVE_EXAMPLES_OF_PROGRAM, IN_NGINX].join("\n\n")),
                // The names of files are the program's too.
                "completions" => Some(completions::EXAMPLES.replace("tidegate", name)),
                "check" => Some(check::EXAMPLES.replace(check::EXAMPLE_WITH_APP, "")),
                _ => command.get_after_help().map(ToString::to_string),
            };
            let is_hidden = command.get_name() == super::uwsgi::NAME;
            let about = command.get_about().map(|words| rename(words)).unwrap_or_default();
            command.about(about).after_help(self.rename(&help.unwrap_or_default())).hide(is_hidden)
        })
    }

    /// Words of Tidegate's command as this program's.
    fn rename(&self, words: &str) -> String {
        words.replace("tidegate ", &format!("{} ", self.name)).replace(" APP is `app` there.", "")
    }
}
