//! The command's definition without what the program hides, for what does not heed clap's `hide`: completion scripts and
//! man pages.

use clap::Command;

/// The definition, its subcommands too, with the arguments alone that `--help` shows. clap takes no argument out of a
/// definition, so it is another one.
pub(super) fn shown(definition: &Command) -> Command {
    let mut shown = Command::new(definition.get_name().to_owned())
        .args(definition.get_arguments().filter(|arg| !arg.is_hide_set()).cloned())
        .subcommands(definition.get_subcommands().map(shown));
    if let Some(version) = definition.get_version() {
        shown = shown.version(version.to_owned());
    }
    if let Some(about) = definition.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(about) = definition.get_long_about() {
        shown = shown.long_about(about.clone());
    }
    if let Some(help) = definition.get_after_help() {
        shown = shown.after_help(help.clone());
    }
    shown
}
