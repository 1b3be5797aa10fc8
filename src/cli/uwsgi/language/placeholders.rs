//! `$(…)`, `@(…)` and `%(…)` in a value, each resolved in a pass of its own.

use super::bounds::{REPLACEMENTS_MAX, VALUE_BYTES_MAX};
use crate::cli::Result;

/// What a name between the parentheses stands for; `None` leaves it as it is written.
pub(super) type Lookup<'a> = &'a mut dyn FnMut(&str) -> Result<Option<String>>;

/// `value` with each `SYMBOL(name)` replaced. After a replacement it is read again from its second byte, as uWSGI does: so
/// names may be made of others, and one that comes to stand at the very beginning stays as it is.
pub(super) fn resolve(value: &str, symbol: u8, lookup: Lookup<'_>) -> Result<String> {
    let mut bytes = value.as_bytes().to_vec();
    let mut replacements = 0;
    let (mut state, mut at) = (State::Outside, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        state = match state {
            _ if byte == symbol => State::Symbol,
            State::Symbol if byte == b'(' => State::Name { begin: at + 1, depth: 0 },
            State::Name { begin, depth } if byte == b'(' => State::Name { begin, depth: depth + 1 },
            State::Name { begin, depth: 0 } if byte == b')' => {
                let name = String::from_utf8_lossy(&bytes[begin..at]).into_owned();
                if let Some(found) = Some(name)
                    .filter(|name| !name.is_empty())
                    .map(|name| lookup(&name))
                    .transpose()?
                    .flatten()
                {
                    bytes.splice(begin - 2..=at, found.bytes());
                    replacements += 1;
                    within_bounds(value, bytes.len(), replacements)?;
                    at = 0;
                }
                State::Outside
            }
            State::Name { begin, depth } if byte == b')' => State::Name { begin, depth: depth - 1 },
            State::Name { .. } => state,
            State::Outside | State::Symbol => State::Outside,
        };
        at += 1;
    }
    // All cuts are at ASCII characters.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Clone, Copy)]
enum State {
    Outside,
    /// The symbol stands before.
    Symbol,
    /// In the parentheses, which begin there; so many more are open.
    Name {
        begin: usize,
        depth: usize,
    },
}

fn within_bounds(value: &str, len: usize, replacements: usize) -> Result<()> {
    if len > VALUE_BYTES_MAX {
        return Err(format!("{}: it becomes longer than {VALUE_BYTES_MAX} bytes", abridged(value)).into());
    }
    if replacements > REPLACEMENTS_MAX {
        return Err(
            format!("{}: it names itself, or more than {REPLACEMENTS_MAX} others", abridged(value)).into()
        );
    }
    Ok(())
}

fn abridged(value: &str) -> String {
    value.chars().take(60).flat_map(char::escape_debug).collect()
}

/// What `%(a b + 2)` comes to: words side by side are one text, and what stands at both sides of a sign is a number.
/// `None` if it has no space, and is a name.
pub(super) fn calculate(words: &str, lookup: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    let mut current: Option<String> = None;
    let mut sign = "";
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let number = |text: &Option<String>| text.as_deref().map_or(0, leading_number);
        match word {
            "+" | "-" | "*" | "/" => {
                sign = word;
                continue;
            }
            "++" | "--" => {
                let step = if word == "++" { 1 } else { -1 };
                current = current.map(|text| leading_number(&text).wrapping_add(step).to_string());
                sign = "";
                continue;
            }
            _ => {}
        }
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let value = if is_number { word.to_owned() } else { lookup(word).unwrap_or_default() };
        let (one, other) = (number(&current), leading_number(&value));
        current = Some(match sign {
            "+" => one.wrapping_add(other).to_string(),
            "-" => one.wrapping_sub(other).to_string(),
            "*" => one.wrapping_mul(other).to_string(),
            "/" if other == 0 => "0".to_owned(),
            "/" => one.wrapping_div(other).to_string(),
            _ => current.unwrap_or_default() + &value,
        });
        sign = "";
    }
    current
}

/// The number that a text begins with, as strtoll(3) reads it.
fn leading_number(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(sign * i64::from(digit - b'0')))
}

/// The number that a text begins with, for what counts.
pub(super) fn count(text: &str) -> usize {
    usize::try_from(leading_number(text)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Option<String> {
        let value = match name {
            "a" => "1",
            "b" => "$(a)",
            "a1" => "made",
            "empty" => "",
            "loop" => "x$(loop)",
            "c" => "8",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn resolved(value: &str) -> String {
        resolve(value, b'$', &mut |name| Ok(known(name))).unwrap()
    }

    #[test]
    fn names_are_replaced_also_those_made_of_names() {
        for (value, want) in [
            ("$(a)", "1"),
            ("x$(a)y$(a)", "x1y1"),
            ("x$(b)", "x1"),
            ("x$(a$(a))", "xmade"),
            ("x$(nope) $(a)", "x$(nope) 1"),
            ("$() $( $ (a) $$(a)", "$() $( $ (a) $1"),
            ("x$(a(a)b)", "x$(a(a)b)"),
            ("é$(a)é", "é1é"),
            // What comes to stand at the very beginning is not seen.
            ("$(empty)$(a)", "$(a)"),
            ("%(a)", "%(a)"),
        ] {
            assert_eq!(resolved(value), want, "{value}");
        }
    }

    #[test]
    fn one_that_names_itself_has_an_end() {
        let error = resolve("$(loop)", b'$', &mut |name| Ok(known(name))).unwrap_err().to_string();
        assert!(error.contains("it names itself"), "{error}");
    }

    #[test]
    fn words_are_joined_and_numbers_are_reckoned_with() {
        for (words, want) in [
            ("a c", "18"),
            ("a c + 2", "20"),
            ("c * c", "64"),
            ("c / 3", "2"),
            ("c / 0", "0"),
            ("a - c", "-7"),
            ("c ++", "9"),
            ("c --", "7"),
            ("c ++ 1", "91"),
            ("nope 5", "5"),
            ("c + nope", "8"),
            (" a ", "1"),
        ] {
            assert_eq!(calculate(words, &mut |name| known(name)).as_deref(), Some(want), "{words}");
        }
        assert_eq!(calculate(" ", &mut |name| known(name)), None);
        assert_eq!(leading_number(" -12x"), -12);
        assert_eq!(leading_number("99999999999999999999"), i64::MAX);
    }
}
