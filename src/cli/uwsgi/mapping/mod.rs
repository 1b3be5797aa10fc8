//! What options of uWSGI come to as options of ours: each line of the table names a function of these.
//!
//! A function sets what its option says by itself, and leaves in the [`Draft`] what only all of them say together: which
//! application, what is spoken on which socket. [`Draft::finish`] then does what is left.

mod address;
pub(super) mod application;
pub(super) mod attached;
pub(super) mod files;
pub(super) mod hooks;
pub(super) mod logs;
pub(super) mod process;
pub(super) mod routes;
pub(super) mod sockets;
pub(super) mod values;
pub(super) mod workers;

use std::path::Path;

use super::language::Directive;

/// Does what an option says. The second argument is the option of ours that the table names.
pub(in crate::cli::uwsgi) type Apply = fn(&mut Draft, &'static str, &Directive) -> Result<(), Fault>;

/// Why an option does not come to one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::uwsgi) enum Fault {
    /// Its value cannot be: what is wrong with it, and what to write.
    Bad(String),
    /// With this value it is not needed, and why.
    Needless(&'static str),
    /// With this value a feature is lost, and what there is instead.
    Lost(String),
    /// With this value it is dangerous to leave out: what it does, and what to use instead.
    Refused { does: String, instead: String },
}

/// An option of ours that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its long name, or `app`.
    pub(super) option: &'static str,
    /// What it is set to; a flag's is true or false.
    pub(super) value: String,
    /// The directive that says so, by its place; `None` for what uWSGI does without being told.
    pub(super) from: Option<usize>,
    /// It is a path that uWSGI opens before it goes to `chdir`.
    is_early: bool,
}

/// What the directives come to so far.
#[derive(Debug, Default)]
pub(in crate::cli::uwsgi) struct Draft {
    pub(super) settings: Vec<Setting>,
    /// The place of the directive that is being applied.
    pub(super) current: Option<usize>,
    /// What is to be said of a directive beside its settings.
    pub(super) notes: Vec<(usize, String)>,
    /// Directives that all together show to be lost, and what there is instead.
    pub(super) lost: Vec<(usize, String)>,
    application: application::Named,
    sockets: sockets::Sockets,
    logs: logs::Wanted,
    workers: workers::Wanted,
}

impl Draft {
    /// Sets an option that has one value; the last one counts.
    fn set(&mut self, option: &'static str, value: impl Into<String>) {
        self.unset(option);
        self.add(option, value);
    }

    fn unset(&mut self, option: &'static str) {
        self.settings.retain(|setting| setting.option != option);
    }

    /// Adds a value to an option that has several.
    fn add(&mut self, option: &'static str, value: impl Into<String>) {
        self.add_from(self.current, option, value);
    }

    fn add_from(&mut self, from: Option<usize>, option: &'static str, value: impl Into<String>) {
        self.settings.push(Setting { option, value: value.into(), from, is_early: false });
    }

    /// Sets an option to a path that is meant from where the server is started, whatever `chdir` says.
    fn set_early_path(&mut self, option: &'static str, path: &str) {
        self.set(option, path);
        if let Some(setting) = self.settings.last_mut() {
            setting.is_early = true;
        }
    }

    fn get(&self, option: &str) -> Option<&Setting> {
        self.settings.iter().rfind(|setting| setting.option == option)
    }

    fn is_on(&self, option: &str) -> bool {
        self.get(option).is_some_and(|setting| setting.value == "true")
    }

    /// Does what several directives say together. `here` is the folder in which the server is started; the error says what
    /// cannot be, of the directive at `current` if there is one.
    pub(super) fn finish(&mut self, here: &Path) -> Result<(), String> {
        self.current = None;
        self.finish_workers()?;
        self.finish_application()?;
        self.finish_files();
        self.finish_logs();
        self.finish_sockets()?;
        let mut folder = here.to_owned();
        if let Some(chdir) = self.get("chdir") {
            folder.push(&chdir.value);
            // Then all that is opened before has to be found from there.
            for setting in self.settings.iter_mut().filter(|setting| setting.is_early) {
                setting.value = here.join(&setting.value).to_string_lossy().into_owned();
            }
        }
        self.expand_pythonpath(&folder);
        Ok(())
    }
}
