//! `--name value` on the command line: all that the commands of this crate need.

use std::str::FromStr;

/// Parsed arguments.
#[derive(Debug)]
pub struct Options {
    /// Those without a name, in order.
    pub positional: Vec<String>,
    named: Vec<(String, String)>,
}

impl Options {
    /// Splits `arguments`; a name that is not among `known` is an error, and so is a lone one.
    pub fn parse(arguments: impl Iterator<Item = String>, known: &[&str]) -> Result<Options, String> {
        let mut options = Options { positional: Vec::new(), named: Vec::new() };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.strip_prefix("--") {
                None => options.positional.push(argument),
                Some(name) if known.contains(&name) => {
                    let value = arguments.next().ok_or_else(|| format!("--{name} needs a value"))?;
                    options.named.push((name.to_owned(), value));
                }
                Some(_) => return Err(format!("{argument} is no option of this command")),
            }
        }
        Ok(options)
    }

    /// The value of `--name`, if it was given; the last one counts.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let Some((_, value)) = self.named.iter().rfind(|(given, _)| given == name) else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| format!("--{name} {value}: not understood"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_ascii_whitespace().map(str::to_owned), &["seconds", "idle"])
    }

    #[test]
    fn names_take_the_next_word() {
        let options = parse("/a.sock --seconds 1.5 /hello --seconds 2").unwrap();
        assert_eq!(options.positional, ["/a.sock", "/hello"]);
        assert_eq!(options.get("seconds"), Ok(Some(2.0)));
        assert_eq!(options.get::<usize>("idle"), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(parse("--minutes 3").unwrap_err().contains("--minutes"));
        assert!(parse("--idle").unwrap_err().contains("needs a value"));
        assert!(parse("--idle many").unwrap().get::<usize>("idle").unwrap_err().contains("many"));
    }
}
