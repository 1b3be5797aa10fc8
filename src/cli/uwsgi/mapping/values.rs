//! Values as uWSGI takes them: numbers, addresses, words.

use super::address::Address;
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// An option that is on or off.
pub(in crate::cli::uwsgi) fn flag(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.set(ours, given.is_on().to_string());
    Ok(())
}

/// A number as it is.
pub(in crate::cli::uwsgi) fn number(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let number = count(given)?;
    draft.set(ours, number.to_string());
    Ok(())
}

/// A number of which 0 says that there is no bound.
pub(in crate::cli::uwsgi) fn positive(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match count(given)? {
        0 => {
            draft.unset(ours);
            Err(Fault::Needless("0 sets no bound, as without it"))
        }
        number => {
            draft.set(ours, number.to_string());
            Ok(())
        }
    }
}

/// A text that is there once.
pub(in crate::cli::uwsgi) fn text(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let text = word(given)?;
    draft.set(ours, text);
    Ok(())
}

/// One of several texts.
pub(in crate::cli::uwsgi) fn list(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let text = word(given)?;
    draft.add(ours, text);
    Ok(())
}

/// An address to listen on.
pub(in crate::cli::uwsgi) fn address(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let address = Address::read(word(given)?).map_err(Fault::Bad)?.ours(false);
    draft.listen_from_everywhere(&address);
    draft.set(ours, address);
    Ok(())
}

/// The value that must be there.
pub(super) fn word(given: &Directive) -> Result<&str, Fault> {
    given.value().map(str::trim).filter(|value| !value.is_empty()).ok_or_else(|| bad("its value is missing"))
}

/// A number as uWSGI reads it: the digits at the beginning, behind which a comment may stand. A word of yes or no is 0.
pub(super) fn count(given: &Directive) -> Result<u64, Fault> {
    let Some(text) = given.value().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(1) };
    if ["true", "false", "on", "off", "yes", "no"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Ok(0);
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, rest) = text.split_at(digits);
    if digits.is_empty() || !(rest.is_empty() || is_comment(rest)) {
        return Err(bad("it is no number: write digits alone"));
    }
    digits.parse().map_err(|_| bad("the number is too large"))
}

/// Whether what stands behind a value is a comment: uWSGI leaves it there, and reads numbers up to it.
pub(super) fn is_comment(rest: &str) -> bool {
    let text = rest.trim_start();
    text.is_empty() || text.len() < rest.len() && text.starts_with(['#', ';'])
}

pub(super) fn bad(why: &str) -> Fault {
    Fault::Bad(why.to_owned())
}
