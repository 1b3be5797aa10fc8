//! Addresses, and what is spoken there.

use nix::sys::stat::{Mode, umask};

use super::address::Address;
use super::values::{bad, count, is_comment, word};
use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

/// The sockets so far, and what holds for all of them.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    asked: Vec<Asked>,
    /// The addresses of `shared-socket`, to which `=N` refers.
    shared: Vec<Address>,
    protocol: Option<String>,
    is_abstract: bool,
    /// Of sockets, and of the router.
    proxy_protocol: (bool, bool),
    has_mode: bool,
    timeout: u64,
}

#[derive(Debug)]
struct Asked {
    speaks: Speaks,
    place: Place,
    from: Option<usize>,
}

#[derive(Debug)]
enum Place {
    At(Address),
    /// `=N`, which a later line may say.
    Shared(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    /// What `protocol` says.
    Default,
    /// What this option of ours says.
    Named(&'static str),
    /// HTTP, by uWSGI's router.
    Router,
}

/// `socket`, where `protocol` says what is spoken.
pub(in crate::cli::uwsgi) fn socket(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    ask(draft, Speaks::Default, given)
}

/// `http`, which is uWSGI's router.
pub(in crate::cli::uwsgi) fn router(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    ask(draft, Speaks::Router, given)
}

/// Those that say what is spoken by their name.
pub(in crate::cli::uwsgi) fn speaking(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    ask(draft, Speaks::Named(ours), given)
}

fn ask(draft: &mut Draft, speaks: Speaks, given: &Directive) -> Result<(), Fault> {
    let written = word(given)?;
    let place = match written.strip_prefix('=') {
        Some(number) => Place::Shared(number.trim().parse().map_err(|_| bad(SHARED))?),
        None => Place::At(Address::read(written).map_err(Fault::Bad)?),
    };
    draft.sockets.asked.push(Asked { speaks, place, from: draft.current });
    Ok(())
}

/// What =N has to be.
const SHARED: &str = "there is no such shared-socket; the first is =0";

pub(in crate::cli::uwsgi) fn shared(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let address = Address::read(word(given)?).map_err(Fault::Bad)?;
    draft.sockets.shared.push(address);
    Ok(())
}

pub(in crate::cli::uwsgi) fn protocol(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let name = word(given)?;
    if !PROTOCOLS.iter().any(|(known, _)| *known == name) {
        let known: Vec<_> = PROTOCOLS.iter().map(|(known, _)| *known).collect();
        return Err(Fault::Refused {
            does: format!("has sockets speak {name}"),
            instead: format!("{} are spoken", known.join(", ")),
        });
    }
    draft.sockets.protocol = Some(name.to_owned());
    Ok(())
}

const PROTOCOLS: &[(&str, &str)] =
    &[("uwsgi", "uwsgi"), ("http", "http"), ("http11", "http"), ("fastcgi", "fastcgi"), ("scgi", "scgi")];

pub(in crate::cli::uwsgi) fn all_abstract(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    draft.sockets.is_abstract = given.is_on();
    Ok(())
}

pub(in crate::cli::uwsgi) fn proxy_protocol(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match given.name.as_str() {
        "enable-proxy-protocol" => draft.sockets.proxy_protocol.0 = given.is_on(),
        _ => draft.sockets.proxy_protocol.1 = given.is_on(),
    }
    Ok(())
}

pub(in crate::cli::uwsgi) fn modifier(
    _: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    match count(given)? {
        0 => Ok(()),
        number => Err(Fault::Refused {
            does: format!("asks for the language of modifier {number}"),
            instead: "only Python is served, which is 0".to_owned(),
        }),
    }
}

/// `chmod-socket`: three octal digits; without any it is 666.
pub(in crate::cli::uwsgi) fn mode(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let text = given.value().map(str::trim).unwrap_or_default();
    let digits = text.split_whitespace().next().unwrap_or_default();
    let is_octal = |digits: &str| digits.len() == 3 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    let mode = match digits {
        "" | "1" => "666",
        digits if is_octal(digits) && is_comment(&text[3..]) => digits,
        _ => return Err(bad("write three octal digits, as 660")),
    };
    draft.set(ours, mode);
    draft.sockets.has_mode = true;
    Ok(())
}

pub(in crate::cli::uwsgi) fn owner(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let owner = word(given)?;
    draft.set(ours, owner);
    Ok(())
}

/// `socket-timeout` and `http-timeout`: of both, the longer.
pub(in crate::cli::uwsgi) fn timeout(
    draft: &mut Draft,
    _: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let seconds = count(given)?;
    if seconds == 0 {
        return Err(Fault::Needless("0 sets no bound, as without it"));
    }
    if seconds >= draft.sockets.timeout {
        draft.sockets.timeout = seconds;
        draft.set("write-timeout", seconds.to_string());
        draft.set("body-timeout", seconds.to_string());
    }
    Ok(())
}

impl Draft {
    /// The sockets, each with what is spoken there.
    pub(super) fn finish_sockets(&mut self) -> Result<(), String> {
        let sockets = std::mem::take(&mut self.sockets);
        let default = sockets.protocol.as_deref().unwrap_or("uwsgi");
        let default =
            PROTOCOLS.iter().find(|(name, _)| *name == default).map_or("uwsgi", |(_, option)| *option);
        let (of_sockets, of_router) = sockets.proxy_protocol;
        let mut has_file = false;
        if sockets.asked.is_empty() {
            return Err(
                "no socket is named: socket = ADDRESS, http = ADDRESS or http-socket = ADDRESS".to_owned()
            );
        }
        for Asked { speaks, place, from } in &sockets.asked {
            self.current = *from;
            let address = match place {
                Place::At(address) => address,
                Place::Shared(number) => sockets.shared.get(*number).ok_or(SHARED)?,
            };
            let address = address.ours(sockets.is_abstract);
            let option = match speaks {
                Speaks::Default => default,
                Speaks::Named(option) => option,
                Speaks::Router => "http",
            };
            let is_proxied = if *speaks == Speaks::Router { of_router } else { of_sockets };
            let option = if option == "http" && is_proxied { "http-proxy-protocol" } else { option };
            has_file |= address.starts_with('/') || address.starts_with("unix:");
            self.listen_from_everywhere(&address);
            self.add(option, address);
        }
        self.current = None;
        if has_file && !sockets.has_mode {
            let mask = self.get("umask").and_then(|setting| u32::from_str_radix(&setting.value, 8).ok());
            // uWSGI takes its mask off when it goes to the background.
            let mask = mask.or_else(|| self.is_on("daemonize").then_some(0));
            let mode = 0o777 & !mask.unwrap_or_else(own_umask);
            self.add("socket-mode", format!("{mode:o}"));
        }
        Ok(())
    }

    /// uWSGI lets anybody connect to a socket that other machines reach.
    pub(super) fn listen_from_everywhere(&mut self, address: &str) {
        let Some((host, _)) = address.rsplit_once(':').filter(|_| !address.starts_with(['/', '@'])) else {
            return;
        };
        let is_own = matches!(host, "unix" | "fd" | "localhost" | "[::1]") || host.starts_with("127.");
        if !is_own && self.get("allow-from").is_none() {
            self.add("allow-from", "0.0.0.0/0,::/0");
        }
    }
}

/// The process's own mask, which can only be read by setting another.
fn own_umask() -> u32 {
    let own = umask(Mode::from_bits_truncate(0o077));
    umask(own);
    own.bits()
}
