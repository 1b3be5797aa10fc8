//! Reads directives one by one, as uWSGI does: what takes effect at once, takes effect here.

use std::collections::BTreeMap;

use super::blocks::{self, Block};
use super::bounds::DIRECTIVES_MAX;
use super::declared::Declared;
use super::directive::Directive;
use super::files::Files;
use super::lists::Lists;
use super::placeholders;
use crate::cli::Result;
use crate::cli::config::Origin;
use crate::cli::uwsgi::names;

/// What has been read, and what it says of the rest.
#[derive(Debug)]
pub(super) struct Reader {
    variables: BTreeMap<String, String>,
    pub(super) directives: Vec<Directive>,
    pub(super) files: Files,
    pub(super) declared: Declared,
    lists: Lists,
    block: Option<Block>,
    /// What is added now comes out of the block.
    is_in_block: bool,
}

impl Reader {
    /// With these variables of the environment.
    pub(super) fn new(variables: BTreeMap<String, String>) -> Self {
        Reader {
            variables,
            directives: Vec::new(),
            files: Files::new(),
            declared: Declared::default(),
            lists: Lists::default(),
            block: None,
            is_in_block: false,
        }
    }

    /// A variable of the environment.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// What an option or a placeholder was first set to, `Some(None)` for one without a value. It is then known that it is
    /// there to be read.
    pub(super) fn option(&mut self, name: &str) -> Option<Option<String>> {
        for directive in self.directives.iter_mut().filter(|directive| directive.name == name) {
            directive.is_placeholder = true;
        }
        let first = self.directives.iter().find(|directive| directive.is_shown && directive.name == name);
        first.map(|directive| directive.value.clone())
    }

    /// Takes a directive: as it is, or as often as the block that it stands in says.
    pub(super) fn add(&mut self, name: &str, value: Option<String>, origin: &Origin) -> Result<()> {
        self.lists.permit(name, origin)?;
        if self.is_in_block {
            return self.push(name, value, origin);
        }
        if blocks::ends(name) {
            self.block = None;
        }
        let Some(block) = self.block.clone() else { return self.push(name, value, origin) };
        let argument = &block.argument;
        let rounds = blocks::rounds(&block, self)
            .map_err(|error| format!("{}: {} = {argument}: {error}", block.origin, block.name))?;
        for this in rounds {
            let value = match (&value, this) {
                (Some(value), Some(this)) => Some(value.replace("%(_)", &this)),
                (value, _) => value.clone(),
            };
            self.is_in_block = true;
            let pushed = self.push(name, value, origin);
            self.is_in_block = false;
            pushed?;
        }
        Ok(())
    }

    /// That no block is open any more that began since `before`.
    pub(super) fn end(&self, before: Option<&Origin>) -> Result<()> {
        match &self.block {
            Some(block) if Some(&block.origin) != before => {
                let end = if block.name.starts_with("for") { "endfor" } else { "endif" };
                Err(format!(
                    "{}: {} has no {end}: write it below the last directive that it is for",
                    block.origin, block.name
                )
                .into())
            }
            _ => Ok(()),
        }
    }

    /// Where the open block began.
    pub(super) fn block_origin(&self) -> Option<Origin> {
        self.block.as_ref().map(|block| block.origin.clone())
    }

    /// A directive that is there for its effect alone: `--show-config` does not tell of it.
    pub(super) fn apply(&mut self, name: &str, value: &str, origin: &Origin) -> Result<()> {
        self.keep(name, Some(value.to_owned()), origin)?.is_shown = false;
        if names::find(name).is_some() { self.take_effect(name, value, origin) } else { Ok(()) }
    }

    /// Reads the files of `inherit`, which come when all else is there: what they say is not resolved any more.
    pub(super) fn inherit(&mut self) -> Result<()> {
        let mut at = 0;
        while let Some(directive) = self.directives.get_mut(at) {
            at += 1;
            if std::mem::replace(&mut directive.is_done, true) {
                continue;
            }
            let Directive { name, value, origin, .. } = directive.clone();
            let value = value.unwrap_or_default();
            match name.as_str() {
                "inherit" => Files::load(self, &name, &value, &origin)?,
                "declare-option2" => self.declare(&value, &origin)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, name: &str, value: Option<String>, origin: &Origin) -> Result<()> {
        let text = value.clone().unwrap_or_default();
        let is_immediate =
            names::find(name).is_some_and(|known| known.is_immediate) || self.declared.has(name);
        self.keep(name, value, origin)?.is_done = is_immediate;
        if is_immediate { self.take_effect(name, &text, origin) } else { Ok(()) }
    }

    fn keep(&mut self, name: &str, value: Option<String>, origin: &Origin) -> Result<&mut Directive> {
        if self.directives.len() >= DIRECTIVES_MAX {
            return Err(format!("{origin}: no configuration has more than {DIRECTIVES_MAX} lines").into());
        }
        let directive = Directive {
            name: name.to_owned(),
            value,
            origin: origin.clone(),
            is_placeholder: false,
            is_shown: true,
            is_done: false,
        };
        self.directives.push(directive);
        Ok(self.directives.last_mut().expect("it was pushed"))
    }

    fn take_effect(&mut self, name: &str, value: &str, origin: &Origin) -> Result<()> {
        match name {
            "set" | "set-placeholder" | "set-ph" => self.set(value, name != "set", origin),
            "declare-option" => self.declare(value, origin),
            "inject-before" | "inject-after" => {
                Err(format!("{origin}: {name} is not read here: write include = {value} into the file")
                    .into())
            }
            "resolve" => {
                Err(format!("{origin}: {name} is not read here: set the address itself, by set-ph").into())
            }
            _ if blocks::begins(name) => self.open(name, value, origin),
            _ if Files::is_read_by(name) => Files::load(self, name, value, origin),
            _ if self.declared.has(name) => Declared::expand(self, name, value, origin),
            _ => {
                self.lists.take(name, value);
                Ok(())
            }
        }
    }

    fn set(&mut self, written: &str, is_placeholder: bool, origin: &Origin) -> Result<()> {
        let Some((name, value)) = written.split_once('=') else {
            return Err(format!("{origin}: set = {written}: write set = name=value").into());
        };
        if !is_placeholder {
            return self.add(name, Some(value.to_owned()), origin);
        }
        if names::find(name).is_some() {
            return Err(format!(
                "{origin}: {name} is an option, and no name for a placeholder: choose another"
            )
            .into());
        }
        self.lists.permit(name, origin)?;
        let directive = self.keep(name, Some(value.to_owned()), origin)?;
        (directive.is_placeholder, directive.is_done) = (true, true);
        Ok(())
    }

    fn declare(&mut self, written: &str, origin: &Origin) -> Result<()> {
        self.declared
            .add(written)
            .map_err(|why| format!("{origin}: declare-option = {written}: {why}").into())
    }

    fn open(&mut self, name: &str, argument: &str, origin: &Origin) -> Result<()> {
        if let Some(open) = &self.block {
            return Err(format!(
                "{origin}: {name} stands in {} ({}): uWSGI has no blocks in blocks; end the first one before it",
                open.name, open.origin
            )
            .into());
        }
        self.block =
            Some(Block { name: name.to_owned(), argument: argument.to_owned(), origin: origin.clone() });
        Ok(())
    }

    /// Resolves `$(…)`, then `@(…)`, then `%(…)`, in all that has not taken effect already.
    pub(super) fn resolve(&mut self) -> Result<()> {
        for symbol in [b'$', b'@', b'%'] {
            for at in 0..self.directives.len() {
                let directive = &self.directives[at];
                let Some(value) = directive.value.clone().filter(|_| !directive.is_done) else { continue };
                let resolved = placeholders::resolve(&value, symbol, &mut |name| match symbol {
                    b'$' => Ok(self.variable(name)),
                    b'@' => self.files.content(name).map(Some),
                    _ => Ok(self.placeholder(name)),
                });
                let Directive { name, origin, .. } = &self.directives[at];
                let resolved = resolved.map_err(|error| format!("{origin}: {name}: {error}"))?;
                self.directives[at].value = Some(resolved);
            }
        }
        Ok(())
    }

    fn placeholder(&mut self, words: &str) -> Option<String> {
        if words.contains(' ') {
            return placeholders::calculate(words, &mut |name| self.option(name).flatten());
        }
        self.option(words).flatten()
    }
}
