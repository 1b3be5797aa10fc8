//! `tidegate completions`, in the shells themselves.

use std::fs;
use std::process::Command;

use crate::process::{end, run, tidegate};
use crate::program::items;

const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What the command would be given by these lines, each of which is typed into the shell; `\t` is the key.
#[track_caller]
fn typed(shell: &str, name: &str, lines: &[&str]) -> Vec<String> {
    let command =
        if name == "tidegate" { tidegate(["completions", shell]) } else { items(&["completions", shell]) };
    let done = end(command, b"");
    assert!(done.code == Some(0) && done.err.is_empty(), "{done:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &done.out).unwrap();
    let mut python = Command::new("python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/shell.py"));
    python.arg(shell).arg(file.path()).arg(name).args(lines);
    let done = end(python, b"");
    assert_eq!(done.code, Some(0), "{}", done.err);
    // zsh takes a folder's slash away again at the line's end.
    done.text().lines().map(|line| line.trim_end_matches([' ', '/']).to_owned()).collect()
}

#[test]
fn a_tab_completes_commands_options_values_and_files() {
    for shell in SHELLS {
        let mut cases = vec![
            ("tidegate ser\t--th\t2", "serve --threads 2"),
            ("tidegate req\t--inc\t-X PUT", "request --include -X PUT"),
            ("tidegate serve --config set\t--preloa\t", "serve --config settings.toml --preload"),
            ("tidegate check --log-format js\t", "check --log-format json"),
            ("tidegate check --chdi\tfol\t", "check --chdir folder"),
            ("tidegate serve --http sett\t", "serve --http settings.toml"),
            ("tidegate decode pac\t--jso\t", "decode packet.bin --json"),
            ("tidegate request a:1 --inc\t", "request a:1 --include"),
            ("tidegate bench a:1 --basel\tset\t", "bench a:1 --baseline settings.toml"),
            ("tidegate serve --reload-o\tset\t", "serve --reload-on settings.toml"),
            ("tidegate serve pac\t", "serve packet.bin"),
            ("tidegate man --di\tfol\t", "man --dir folder"),
            // A file is no number.
            ("tidegate serve --backlog set\t", "serve --backlog set"),
        ];
        // For fish clap_complete leaves out the values of what is no option.
        if shell != "fish" {
            cases.push(("tidegate completions zs\t", "completions zsh"));
            cases.push(("tidegate man dec\t", "man decode"));
        }
        let (lines, want): (Vec<&str>, Vec<&str>) = cases.into_iter().unzip();
        assert_eq!(typed(shell, "tidegate", &lines), want, "{shell}");
    }
}

#[test]
fn a_program_of_ones_own_has_its_name_and_not_what_it_hides() {
    for shell in SHELLS {
        let lines = ["items ser\t--th\t2", "items serve --pythonpa\t", "items check --moun\t"];
        let want = ["serve --threads 2", "serve --pythonpa", "check --moun"];
        assert_eq!(typed(shell, "items", &lines), want, "{shell}");
        let script = end(items(&["completions", shell]), b"");
        for hidden in ["tidegate", "pythonpath", "mount"] {
            assert!(!script.text().contains(hidden), "{shell}: {hidden}");
        }
    }
}

#[test]
fn zsh_has_no_list_of_excluded_options_that_is_empty() {
    // It would offer the option no more: clap_complete writes it where an option excludes what is none.
    assert!(!run(&["completions", "zsh"]).text().contains("'()"));
}

#[test]
fn a_shell_must_be_named_and_known() {
    for args in [&["completions"][..], &["completions", "tcsh"]] {
        let done = run(args);
        assert_eq!((done.code, done.text()), (Some(2), ""), "{done:?}");
    }
    assert!(run(&["completions", "tcsh"]).err.contains("[possible values: bash, zsh, fish]"));
}
