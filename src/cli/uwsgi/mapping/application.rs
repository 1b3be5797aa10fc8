//! The application: by module, by file, by mounts.

use std::path::Path;

use super::values::{count, word};
use super::{Draft, Fault, Setting};
use crate::cli::uwsgi::language::Directive;
use crate::cli::uwsgi::names;

/// What names an application, each with the place of its directive.
#[derive(Debug, Default)]
pub(super) struct Named {
    module: Option<(String, Option<usize>)>,
    file: Option<(String, Option<usize>)>,
    /// An expression that makes one, as paste has it.
    made: Option<(String, Option<usize>)>,
    callable: Option<String>,
    /// Prefix and application.
    mounts: Vec<(String, String, Option<usize>)>,
    no_default: bool,
}

pub(in crate::cli::uwsgi) fn module(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.application.module = Some((word(given)?.to_owned(), draft.current));
    Ok(())
}

pub(in crate::cli::uwsgi) fn file(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.application.file = Some((word(given)?.to_owned(), draft.current));
    Ok(())
}

pub(in crate::cli::uwsgi) fn callable(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.application.callable = Some(word(given)?.to_owned());
    Ok(())
}

pub(in crate::cli::uwsgi) fn mount(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let form = || Fault::Bad("write /PREFIX=MODULE:CALLABLE or /PREFIX=FILE.py".to_owned());
    let (prefix, app) = word(given)?.split_once('=').ok_or_else(form)?;
    let (prefix, app) = (prefix.trim().trim_end_matches('/'), app.trim());
    if !(prefix.is_empty() || prefix.starts_with('/')) {
        return Err(Fault::Refused {
            does: "chooses an application by the host's name".to_owned(),
            instead: "start one server for each, and let nginx choose".to_owned(),
        });
    }
    if !(app.contains(':') || is_file(app)) {
        return Err(form());
    }
    draft.application.mounts.push((prefix.to_owned(), app.to_owned(), draft.current));
    Ok(())
}

pub(in crate::cli::uwsgi) fn no_default_app(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.application.no_default = given.is_on();
    Ok(())
}

pub(in crate::cli::uwsgi) fn paste(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let name = word(given)?;
    let uri = if name.contains("config:") || name.contains("egg:") {
        name.to_owned()
    } else {
        let path = std::path::absolute(name).unwrap_or_else(|_| name.into());
        format!("config:{}", path.display())
    };
    make(draft, "paste.deploy:loadapp", &uri);
    Ok(())
}

pub(in crate::cli::uwsgi) fn pecan(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    make(draft, "pecan.deploy:deploy", word(given)?);
    Ok(())
}

fn make(draft: &mut Draft, factory: &str, argument: &str) {
    let quoted = argument.replace('\\', "\\\\").replace('\'', "\\'");
    draft.application.made = Some((format!("{factory}('{quoted}')"), draft.current));
}

pub(in crate::cli::uwsgi) fn pythonpath(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let folder = word(given)?;
    draft.add(ours, folder);
    Ok(())
}

/// A module, or a file by its path.
pub(in crate::cli::uwsgi) fn import(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let module = word(given)?;
    draft.add(ours, if is_file(module) { file_or_module(module) } else { module.to_owned() });
    Ok(())
}

/// `py-auto-reload = SECONDS`: 0 is none.
pub(in crate::cli::uwsgi) fn auto_reload(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let is_on = count(given)? > 0 || given.value().is_some_and(|value| value.eq_ignore_ascii_case("true"));
    draft.set(ours, is_on.to_string());
    Ok(())
}

/// `plugins = python3,http`: what is built in here or in uWSGI itself, and asks for nothing alone.
pub(in crate::cli::uwsgi) fn plugin(_: &mut Draft, _: &'static str, given: &Directive) -> Result<(), Fault> {
    let names = given.value().unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    // A modifier may stand before it.
    let mut names = names.map(|name| name.split_once(':').map_or(name, |(_, name)| name));
    for name in names.clone() {
        let version = name.strip_prefix("python").map(|rest| rest.replace(['.', '-'], ""));
        let is_python = version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit()));
        let is_harmless = is_one_of(name, HARMLESS) || is_one_of(name, TELLING);
        if !(is_python || names::is_built_in(name) || is_harmless) {
            return Err(Fault::Refused {
                does: format!("loads the plugin {name}"),
                instead: "take it out, and what belongs to it".to_owned(),
            });
        }
    }
    match names.find(|name| is_one_of(name, TELLING)) {
        Some(name) => Err(Fault::Lost(format!("{name} tells others of alarms: {ALARMS}"))),
        None => Ok(()),
    }
}

fn is_one_of(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

/// Plugins of Debian's that do nothing until an option of theirs is given.
const HARMLESS: &[&str] =
    &["router_", "transformation_", "cheaper_", "logpipe", "logcrypto", "stats_pusher_"];
/// Plugins that bring alarms, whose options are lost: a feature is missing then, and nothing breaks.
const TELLING: &[&str] = &["alarm_", "sentry", "airbrake"];
const ALARMS: &str = "sentry-sdk in the application, or an alert on the metrics of --stats";

impl Draft {
    /// Which application is served where.
    pub(super) fn finish_application(&mut self) -> Result<(), String> {
        let Named { module, file, made, callable, mut mounts, no_default } =
            std::mem::take(&mut self.application);
        let with_callable = |app: String| match &callable {
            Some(callable) if !app.contains(':') => format!("{app}:{callable}"),
            _ => app,
        };
        let has_file = file.is_some() && module.is_none() || mounts.iter().any(|(_, app, _)| is_file(app));
        let file = file.map(|(path, from)| (file_or_module(&path), from));
        // uWSGI loads the module first, and a file beside it finds its place taken.
        let root = module.or(file).map(|(app, from)| (with_callable(app), from)).or(made);
        let root = root.or_else(|| {
            let at = mounts.iter().position(|(prefix, _, _)| prefix.is_empty())?;
            let (_, app, from) = mounts.remove(at);
            Some((with_callable(file_or_module(&app)), from))
        });
        mounts.retain(|(prefix, _, _)| !prefix.is_empty());
        for at in 0..mounts.len() {
            let (prefix, app, from) = mounts[at].clone();
            // Of two at one prefix uWSGI takes the first.
            if mounts[..at].iter().all(|(other, _, _)| *other != prefix) {
                self.add_from(from, "mount", format!("{prefix}={}", with_callable(file_or_module(&app))));
            }
        }
        let first = mounts.first().map(|(_, app, from)| (with_callable(file_or_module(app)), *from));
        match root.or(first.clone().filter(|_| !no_default)) {
            Some((app, from)) => self.add_from(from, "app", app),
            None if first.is_none() => {
                return Err(
                    "no application is named: module = MODULE:CALLABLE, wsgi-file = FILE.py or mount"
                        .to_owned(),
                );
            }
            None => {}
        }
        if has_file {
            // uWSGI's Python looks into the folder that it is started in.
            self.add_from(None, "pythonpath", ".");
        }
        if self.get("need-app").is_none() {
            self.add_from(None, "need-app", "false");
        }
        Ok(())
    }

    /// Patterns in pythonpath, as `/usr/lib/python3*/site-packages`, become the folders that fit.
    pub(super) fn expand_pythonpath(&mut self, folder: &Path) {
        let settings = std::mem::take(&mut self.settings);
        for setting in settings {
            let is_pattern = setting.option == "pythonpath" && setting.value.contains(['*', '?', '[']);
            let found =
                is_pattern.then(|| glob::glob(&folder.join(&setting.value).to_string_lossy()).ok()).flatten();
            let found: Vec<_> = found.into_iter().flatten().flatten().take(FOLDERS_MAX).collect();
            if found.is_empty() {
                self.settings.push(setting);
            } else {
                let folders = found.into_iter().map(|path| path.to_string_lossy().into_owned());
                self.settings.extend(folders.map(|value| Setting { value, ..setting.clone() }));
            }
        }
    }
}

/// So many folders may fit one pattern of pythonpath.
const FOLDERS_MAX: usize = 256;

/// Whether a mount's application is a file.
fn is_file(app: &str) -> bool {
    // The extension's letters are uWSGI's own rule.
    [".py", ".wsgi"].iter().any(|end| app.ends_with(end))
}

/// What a mount or wsgi-file names, so that a file is not taken for a module.
fn file_or_module(app: &str) -> String {
    if app.contains([':', '/']) { app.to_owned() } else { format!("./{app}") }
}
