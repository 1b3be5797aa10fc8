//! One page: clap_mangen's sections, and those that stand behind the options in `--help`.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The page of a command.
pub(super) struct Page<'a> {
    command: &'a Command,
    root: &'a Command,
}

impl<'a> Page<'a> {
    /// The page of `command`, which is `root` or one of its subcommands; `root` is built.
    pub(super) fn of(command: &'a Command, root: &'a Command) -> Self {
        Page { command, root }
    }

    /// Where man(1) looks for it in a folder.
    pub(super) fn file_name(&self) -> String {
        format!("{}.1", name(self.command))
    }

    /// The page as roff.
    pub(super) fn render(&self) -> Vec<u8> {
        let help = self.command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let sections: Vec<Section<'_>> = help.split("\n\n").filter_map(Section::read).collect();
        let mut page = Vec::new();
        let man = self.man();
        // Nothing here fails: it is written to memory.
        let _ = man.render_title(&mut page);
        // No word is divided: many are names.
        page.extend(b".nh\n");
        let _ = man.render_name_section(&mut page);
        let _ = man.render_synopsis_section(&mut page);
        let _ = man.render_description_section(&mut page);
        for section in &sections {
            if let Section::Paragraph(text) = section {
                page.extend(paragraph(text));
            }
        }
        let _ = man.render_options_section(&mut page);
        if self.command.has_subcommands() {
            let _ = man.render_subcommands_section(&mut page);
        }
        for section in &sections {
            if let Section::Titled(title, lines) = section {
                page.extend(titled(title, lines));
            }
        }
        page.extend(self.see_also());
        page
    }

    fn man(&self) -> Man {
        let mut command = self.command.clone().subcommand_help_heading("COMMANDS");
        let usage = command.render_usage().to_string();
        // Without it the options would all stand in the synopsis too.
        let usage = usage.trim_start_matches("Usage:").trim().to_owned();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        // Of a page's name and what it is about, whatis(1) makes one line; a description is a sentence.
        let description = command.get_long_about().map_or(format!("{about}."), ToString::to_string);
        let command = command.override_usage(usage).long_about(description);
        let version = self.root.get_version().unwrap_or_default();
        Man::new(command)
            // None, so that the same sources make the same page; roff wants a word in its place.
            .date("\"\"")
            .source(format!("{} {version}", self.root.get_name()))
            .manual(format!("{} manual", self.root.get_name()))
    }

    fn see_also(&self) -> Vec<u8> {
        let all = std::iter::once(self.root).chain(self.root.get_subcommands());
        let others = all.map(name).filter(|other| *other != name(self.command));
        let mut words = Vec::new();
        for other in others {
            if !words.is_empty() {
                words.push(roman(", "));
            }
            words.extend([bold(other), roman("(1)")]);
        }
        let mut roff = Roff::new();
        roff.control("SH", ["SEE ALSO"]).text(words);
        roff.to_roff().into_bytes()
    }
}

/// A piece of what `--help` says behind the options.
enum Section<'a> {
    /// What the command does, beyond its description.
    Paragraph(&'a str),
    /// A title with lines.
    Titled(&'a str, Vec<&'a str>),
}

impl<'a> Section<'a> {
    fn read(block: &'a str) -> Option<Self> {
        let mut lines = block.lines();
        let first = lines.next()?;
        let rest: Vec<&str> = lines.collect();
        let is_titled = first.ends_with(':') && !rest.is_empty() && rest.iter().all(|l| l.starts_with("  "));
        Some(match first.strip_suffix(':').filter(|_| is_titled) {
            Some(title) => Section::Titled(title, rest),
            None => Section::Paragraph(block),
        })
    }
}

fn paragraph(text: &str) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("PP", []).text([roman(text)]);
    roff.to_roff().into_bytes()
}

/// A section of one's own: rows of two columns as a list, sentences as text, and all else as it stands.
fn titled(title: &str, lines: &[&str]) -> Vec<u8> {
    let mut roff = Roff::new();
    roff.control("SH", [title.to_uppercase().as_str()]);
    if let Some(rows) = rows(lines) {
        for (term, words) in rows {
            roff.control("TP", []).text([bold(term)]).text([roman(words)]);
        }
    } else if lines.iter().any(|line| line.ends_with(['.', ':'])) {
        let text: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        roff.text([roman(text.join(" "))]);
    } else {
        roff.control("nf", []);
        for line in lines {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
    }
    roff.to_roff().into_bytes()
}

/// The lines as rows of a term and what is said of it, if all of them are; a line that is further in goes on with the row
/// before.
fn rows(lines: &[&str]) -> Option<Vec<(String, String)>> {
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in lines {
        let (text, inwards) = (line.trim(), line.len() - line.trim_start().len());
        match (text.split_once("  "), rows.last_mut()) {
            (None, Some((_, words))) if inwards > 2 => {
                words.push(' ');
                words.push_str(text);
            }
            (Some((term, words)), _) => rows.push((term.to_owned(), words.trim().to_owned())),
            (None, _) => return None,
        }
    }
    Some(rows)
}

/// A command's name as that of its page: tidegate-serve.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_columns_is_a_list_and_what_does_not_stays_as_it_is() {
        let row = |term: &str, words: &str| (term.to_owned(), words.to_owned());
        let lines =
            ["  SIGTERM, SIGINT   accept no more,", "                    and leave", "  SIGHUP  load"];
        let want = vec![row("SIGTERM, SIGINT", "accept no more, and leave"), row("SIGHUP", "load")];
        assert_eq!(rows(&lines), Some(want));
        assert_eq!(rows(&["  tidegate serve demo", "  tidegate serve a   serve it"]), None);
        let shown = String::from_utf8(titled("Examples", &["  .serve 'a' \\ -b"])).unwrap();
        assert!(shown.contains(".nf\n\\&.serve 'a' \\\\ \\-b\n.fi\n"), "{shown}");
    }
}
