//! Workers: how many, and how they are replaced.

use super::values::{bad, count, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// What several options say together.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    is_lazy: bool,
    mercy: u64,
    /// The least and the first number of workers by need, each with the place of its directive.
    cheaper: Option<(u64, Option<usize>)>,
    cheaper_initial: Option<(u64, Option<usize>)>,
    cheaper_step: Option<(u64, Option<usize>)>,
    /// The time between two looks, and after how many of them an idle worker is ended.
    cheaper_overload: Option<(u64, Option<usize>)>,
    cheaper_multiplier: Option<u64>,
}

pub(in crate::cli::uwsgi) fn processes(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match count(given)? {
        0 => Err(bad("with no worker nothing is served: write 1 or more")),
        number => {
            draft.set(ours, number.to_string());
            Ok(())
        }
    }
}

/// 0 and 1 are one thread, as without it.
pub(in crate::cli::uwsgi) fn threads(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let number = count(given)?;
    draft.set(ours, number.max(1).to_string());
    Ok(())
}

pub(in crate::cli::uwsgi) fn lazy(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.workers.is_lazy = given.is_on();
    Ok(())
}

/// The time that workers have to finish: of two options the longer.
pub(in crate::cli::uwsgi) fn mercy(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let seconds = count(given)?;
    if seconds >= draft.workers.mercy {
        draft.workers.mercy = seconds;
        draft.set(ours, seconds.to_string());
    }
    Ok(())
}

/// A reload that replaces one worker after the other.
pub(in crate::cli::uwsgi) fn chain(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let path = word(given)?;
    draft.add("reload-on", path);
    draft.set("reload-step", "1");
    Ok(())
}

/// One of the numbers by which workers come and go by need.
pub(in crate::cli::uwsgi) fn cheaper(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let number = count(given)?;
    let place = (number > 0).then_some((number, draft.current));
    let wanted = &mut draft.workers;
    match given.name.as_str() {
        "cheaper" => wanted.cheaper = place,
        "cheaper-initial" => wanted.cheaper_initial = place,
        "cheaper-step" => wanted.cheaper_step = place,
        "cheaper-overload" => wanted.cheaper_overload = place,
        _ => wanted.cheaper_multiplier = Some(number),
    }
    Ok(())
}

pub(in crate::cli::uwsgi) fn simple_loop(
    _: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match word(given)? {
        "simple" => Ok(()),
        other => Err(Fault::Refused {
            does: format!("serves requests in the loop of {other}"),
            instead: "threads = N: the application runs in threads of worker processes".to_owned(),
        }),
    }
}

impl Draft {
    /// Without lazy-apps the application is loaded before the workers are forked.
    pub(super) fn finish_workers(&mut self) -> Result<(), String> {
        if !self.workers.is_lazy && !self.is_on("reload") {
            self.add("preload", "true");
        }
        let most = self.get("workers").and_then(|setting| setting.value.parse().ok()).unwrap_or(1);
        let wanted = std::mem::take(&mut self.workers);
        // Without a least number uWSGI takes no notice of the others.
        let Some((least, from)) = wanted.cheaper else { return Ok(()) };
        if least >= most {
            self.current = from;
            return Err(format!("the least number of workers is below processes, which is {most}"));
        }
        self.add_from(from, "min-workers", least.to_string());
        if let Some((initial, from)) = wanted.cheaper_initial {
            self.add_from(from, "workers-initial", initial.clamp(least, most).to_string());
        }
        if let Some((step, from)) = wanted.cheaper_step {
            self.add_from(from, "workers-step", step.to_string());
        }
        if let Some((seconds, from)) = wanted.cheaper_overload {
            let looks = wanted.cheaper_multiplier.unwrap_or(1).max(1);
            self.add_from(from, "workers-idle", seconds.saturating_mul(looks).to_string());
        }
        Ok(())
    }
}
