//! Which options may be set, by `blacklist` and `whitelist`: names with blanks between them, up to `end-blacklist` or
//! `end-whitelist`.

use crate::cli::Result;
use crate::cli::config::Origin;

/// The two that hold now.
#[derive(Debug, Default)]
pub(super) struct Lists {
    forbidden: Option<String>,
    allowed: Option<String>,
}

impl Lists {
    /// That `name` may be set.
    pub(super) fn permit(&self, name: &str, origin: &Origin) -> Result<()> {
        let has = |list: &Option<String>| {
            list.as_ref().map(|list| list.split(' ').any(|word| word.eq_ignore_ascii_case(name)))
        };
        let by = match (has(&self.forbidden), has(&self.allowed)) {
            (Some(true), _) => "blacklist",
            (_, Some(false)) if name != "end-whitelist" => "whitelist",
            _ => return Ok(()),
        };
        Err(format!(
            "{origin}: {name} may not be set here, by {by}: take it out, or end the list by end-{by}"
        )
        .into())
    }

    /// Takes the option in, if it is one of these.
    pub(super) fn take(&mut self, name: &str, value: &str) {
        match name {
            "blacklist" => self.forbidden = Some(value.to_owned()),
            "whitelist" => self.allowed = Some(value.to_owned()),
            "end-blacklist" => self.forbidden = None,
            "end-whitelist" => self.allowed = None,
            _ => {}
        }
    }
}
