//! `tidegate man`: the command's manual pages, for man(1).

mod page;

use std::fs;
use std::path::PathBuf;

use clap::{Args, Command};

use self::page::Page;
use super::shown::shown;
use super::{Result, print};

pub(super) const EXAMPLES: &str = "\
A page is roff, which man shows; a package has them all installed in their places.

Examples:
  tidegate man serve | man -l -
  tidegate man --dir ~/.local/share/man/man1";

/// What `tidegate man` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The subcommand whose page is printed; without it the page of the command itself.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,

    /// Write into DIR, which is made if it is not there: the page of COMMAND, or without it all of them.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints one page, or writes one or all.
pub(super) fn run(definition: &Command, options: &Options) -> Result<()> {
    let mut root = shown(definition).disable_help_subcommand(true);
    // Gives each subcommand its name in full.
    root.build();
    let named = match &options.command {
        Some(name) => Some(root.find_subcommand(name).ok_or_else(|| no_page(&root, name))?),
        None => None,
    };
    let Some(dir) = &options.dir else {
        return print(&Page::of(named.unwrap_or(&root), &root).render());
    };
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    let pages = match named {
        Some(command) => vec![command],
        None => std::iter::once(&root).chain(root.get_subcommands()).collect(),
    };
    for command in pages {
        let page = Page::of(command, &root);
        let path = dir.join(page.file_name());
        fs::write(&path, page.render())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

fn no_page(root: &Command, name: &str) -> String {
    let names: Vec<&str> = root.get_subcommands().map(Command::get_name).collect();
    format!("no command is called '{name}'; there are {}, and --dir names a folder", names.join(", "))
}
