//! The files that a configuration is read from, and what they name.

use super::bounds::{DEPTH_MAX, FILES_MAX};
use super::location::Location;
use super::magic::Magic;
use super::reader::Reader;
use super::text::{Pair, Text};
use super::{ini, json, source, xml, yaml};
use crate::cli::Result;
use crate::cli::config::Origin;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Ini,
    Yaml,
    Xml,
    Json,
}

/// What is being read, and what has been.
#[derive(Debug)]
pub(super) struct Files {
    magic: Magic,
    /// The ini file whose sections are meant by `:section`.
    last_ini: Option<String>,
    /// Those that are being read: file and section, and where each is named.
    open: Vec<(String, Option<String>, Origin)>,
    count: usize,
}

impl Files {
    pub(super) fn new() -> Self {
        Files { magic: Magic::new(), last_ini: None, open: Vec::new(), count: 0 }
    }

    /// Whether an option of this name reads a file.
    pub(super) fn is_read_by(option: &str) -> bool {
        matches!(option, "ini" | "yaml" | "yml" | "xml" | "xmlconfig" | "json" | "js" | "config" | "include")
    }

    /// Reads the file that `option` names, and adds its directives where it stands.
    pub(super) fn load(reader: &mut Reader, option: &str, written: &str, origin: &Origin) -> Result<()> {
        let (format, is_main) = match option {
            "ini" => (Some(Format::Ini), true),
            "yaml" | "yml" => (Some(Format::Yaml), true),
            "xml" | "xmlconfig" => (Some(Format::Xml), true),
            "json" | "js" => (Some(Format::Json), true),
            _ => (format_of(written), false),
        };
        let told = |error: &dyn std::fmt::Display| match origin {
            Origin::CommandLine => error.to_string(),
            _ => format!("{origin}: {error}"),
        };
        let had_first = reader.files.magic.has_first;
        reader.files.magic.has_first |= !is_main;
        let format = format.ok_or_else(|| told(&of_what_format(written)))?;
        let (location, pairs) = reader.files.read(format, written, origin).map_err(|error| told(&error))?;
        let open_before = reader.block_origin();
        for Pair { line, name, value } in pairs {
            let origin = Origin::File(called(&location.file).into(), line);
            reader.add(&name, Some(value), &origin)?;
        }
        reader.files.open.pop();
        if !is_main {
            reader.files.magic.has_first = had_first;
        }
        reader.end(open_before.as_ref())
    }

    /// What `@(…)` stands for: a file's content without the end of its last line.
    pub(super) fn content(&mut self, file: &str) -> Result<String> {
        self.count()?;
        let mut bytes = source::read(file)?;
        if matches!(bytes.last(), Some(b'\n' | b'\r')) {
            bytes.pop();
        }
        // It is one value: what stands behind a zero byte is none of it in uWSGI, and no text here.
        String::from_utf8(bytes).map_err(|_| format!("{file}: it is no UTF-8 text").into())
    }

    fn read(&mut self, format: Format, written: &str, origin: &Origin) -> Result<(Location, Vec<Pair>)> {
        let mut location = Location::of(written);
        self.magic.enter(&location);
        if format == Format::Ini {
            if location.file.is_empty() && location.section.is_some() {
                location.file =
                    self.last_ini.clone().ok_or("no ini file was read before: write FILE:SECTION")?;
            }
            self.last_ini = Some(location.file.clone());
        }
        self.enter(&location, origin)?;
        let bytes = source::read(&location.file)?;
        let text = Text::new(called(&location.file), &bytes, &|variable| self.magic.get(variable));
        let section = location.section.as_deref().filter(|section| !section.is_empty());
        let pairs = match format {
            Format::Ini => ini::read(&text, section.unwrap_or(SECTION))?,
            Format::Yaml => yaml::read(&text, section.unwrap_or(SECTION))?,
            Format::Json => json::read(&text, section.unwrap_or(SECTION))?,
            Format::Xml => xml::read(&text, section)?,
        };
        Ok((location, pairs))
    }

    /// Opens one file more, unless that has no end.
    fn enter(&mut self, location: &Location, origin: &Origin) -> Result<()> {
        self.count()?;
        let Location { file, section, .. } = location;
        let is_open = self.open.iter().any(|(other, its, _)| other == file && its == section);
        if is_open || self.open.len() >= DEPTH_MAX {
            let chain: Vec<String> =
                self.open.iter().skip(1).map(|(_, _, origin)| origin.to_string()).collect();
            let chain = [chain, vec![origin.to_string()]].concat();
            let shown = chain[chain.len().saturating_sub(CHAIN_SHOWN_MAX)..].join(" → ");
            let why = match is_open {
                true => "the file is being read already".to_owned(),
                false => format!("{DEPTH_MAX} files are being read, each named by the one before"),
            };
            return Err(format!("{why}: {shown} → {}", location.written).into());
        }
        self.open.push((file.clone(), section.clone(), origin.clone()));
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        self.count += 1;
        if self.count > FILES_MAX {
            return Err(format!("no configuration has more than {FILES_MAX} files").into());
        }
        Ok(())
    }
}

/// The section that is read where none is named.
const SECTION: &str = "uwsgi";
const CHAIN_SHOWN_MAX: usize = 8;

/// What a file is called in messages.
fn called(file: &str) -> &str {
    if file == "-" { "stdin" } else { file }
}

/// What a file is written in, by the end of its name; a section cannot stand behind it.
fn format_of(written: &str) -> Option<Format> {
    let ends = [
        (".ini", Format::Ini),
        (".xml", Format::Xml),
        (".yaml", Format::Yaml),
        (".yml", Format::Yaml),
        (".json", Format::Json),
        (".js", Format::Json),
    ];
    ends.into_iter().find(|(end, _)| written.ends_with(end)).map(|(_, format)| format)
}

/// What to do about a file of which that is not known.
fn of_what_format(written: &str) -> String {
    let file = Location::of(written).file;
    match format_of(&file) {
        Some(Format::Ini) => {
            format!("{written}: with a section, it is read by --ini {written}, or ini = {written} in a file")
        }
        Some(_) => format!("{written}: a section cannot be named here: write {file}"),
        None if file.ends_with(".py") || file.ends_with(".wsgi") => {
            format!("{written}: it is an application, and no configuration: write --wsgi-file {written}")
        }
        None => format!(
            "{written}: the name of a configuration ends in .ini, .yaml, .yml, .xml or .json; of another one, say which it \
             is, as --ini does"
        ),
    }
}
