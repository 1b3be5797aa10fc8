//! The virtual environment that benches/venv.sh makes: what is installed there, and in which version.

use std::path::Path;
use std::process::Command;

/// Those whose package is there, and for each of the others a sentence. `names` are one's title and its package.
pub(super) fn installed<'a, T>(
    venv: &Path,
    wanted: &'a [T],
    names: impl Fn(&T) -> (&str, Option<&str>),
) -> (Vec<&'a T>, Vec<String>) {
    let (mut there, mut notes) = (Vec::new(), Vec::new());
    for one in wanted {
        let (title, package) = names(one);
        match package {
            Some(package) if version(venv, package).is_none() => notes.push(format!(
                "{title} is left out: {package} is not installed in {}. `benches/venv.sh` installs it, or says what is missing.",
                venv.display()
            )),
            _ => there.push(one),
        }
    }
    (there, notes)
}

/// Python's and these packages'.
pub(super) fn versions(venv: &Path, packages: impl Iterator<Item = &'static str>) -> String {
    let python = python(venv, &["-V"]).unwrap_or_else(|| format!("no Python in {}", venv.display()));
    let packages = packages.filter_map(|package| Some(format!("{package} {}", version(venv, package)?)));
    [python].into_iter().chain(packages).collect::<Vec<_>>().join(", ")
}

fn version(venv: &Path, package: &str) -> Option<String> {
    const PRINT: &str = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))";
    python(venv, &["-c", PRINT, package])
}

/// What Python prints, if it succeeds.
fn python(venv: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(venv.join("bin/python")).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_left_out_with_a_word() {
        let wanted = [None, Some("uWSGI")];
        let (there, notes) = installed(Path::new("/no-such-folder"), &wanted, |one| ("a server", *one));
        assert_eq!(there, [&None]);
        assert!(notes.len() == 1 && notes[0].starts_with("a server is left out: uWSGI is"), "{notes:?}");
    }
}
