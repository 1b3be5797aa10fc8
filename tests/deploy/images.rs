//! The images' settings. `make images` builds and runs them.

use std::process::Command;

use crate::shipped;

/// The variables that a Containerfile sets for Tidegate.
fn variables(file: &str) -> Vec<(String, String)> {
    let words = file.split_whitespace().filter(|word| word.starts_with("TIDEGATE_"));
    let pairs = words.filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_variable_is_a_setting_and_right() {
    for name in ["Containerfile", "Containerfile.python"] {
        let file = shipped(name);
        let file = file.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let variables = variables(&file);
        assert!(variables.len() > 3, "{name}: {variables:?}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = command.args(["check", "hello"]).envs(variables).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
        assert!(file.contains("\nCMD [\"serve\"]"), "{name} does not serve");
    }
}
