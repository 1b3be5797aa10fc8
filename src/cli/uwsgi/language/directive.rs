//! A directive: one line of a configuration, as it stands when all of the language is resolved.

use crate::cli::config::Origin;

/// An option that is set, or a placeholder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::uwsgi) struct Directive {
    /// As it is written, without dashes before it.
    pub(in crate::cli::uwsgi) name: String,
    /// `None` on the command line for an option without a value, which `--show-config` calls true. A file's key without `=`
    /// has an empty value.
    pub(super) value: Option<String>,
    pub(in crate::cli::uwsgi) origin: Origin,
    /// It is there to be read: set as a placeholder, or named by a `%(…)` or `if-opt`. That uWSGI knows no such option is then no fault.
    pub(in crate::cli::uwsgi) is_placeholder: bool,
    /// Whether `--show-config` tells of it: not of what an option made by `declare-option` stands for.
    pub(super) is_shown: bool,
    /// It has taken effect, and what it says is not resolved any more.
    pub(super) is_done: bool,
}

impl Directive {
    /// What it is set to; `None` if nothing stands there.
    pub(in crate::cli::uwsgi) fn value(&self) -> Option<&str> {
        self.value.as_deref().filter(|value| !value.is_empty())
    }

    /// Whether an option that is on or off is on: without a value it is, and with any but these.
    pub(in crate::cli::uwsgi) fn is_on(&self) -> bool {
        let is_off =
            |value: &str| ["false", "off", "no", "0"].iter().any(|off| value.eq_ignore_ascii_case(off));
        !self.value().is_some_and(is_off)
    }
}

/// The configuration as `--show-config` prints it.
pub(in crate::cli::uwsgi) fn show(directives: &[Directive]) -> String {
    let mut shown = String::from("\n;uWSGI instance configuration\n[uwsgi]\n");
    for directive in directives.iter().filter(|directive| directive.is_shown) {
        let value = directive.value.as_deref().unwrap_or("true");
        shown.extend([&directive.name, " = ", value, "\n"]);
    }
    shown.push_str(";end of configuration\n\n");
    shown
}
