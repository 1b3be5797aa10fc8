//! Imports run one way, and some words are said in some rooms only.
//!
//! A room is a file of `src` or a folder. [`LADDER`] has them from the top to the bottom, [`INSIDES`] what is not even
//! known to all above it, [`OWNED`] which rooms may say a word. What stands behind `#[cfg(test)]` may import what it likes.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

use std::fs;
use std::path::Path;

/// The rooms, from the top to the bottom: one may import what stands below it.
const LADDER: &[&str] = &[
    "main",
    "cli",
    "master",
    "worker",
    "connection",
    "telemetry",
    "net",
    "protocol",
    "static_files",
    "application",
    "ascii",
    "expression",
    "process",
    "limits",
];

/// What only some rooms may name though it stands below others: a path in the crate, and those rooms.
const INSIDES: &[(&str, &[&str])] = &[
    ("cli", &["main"]),
    ("connection", &["worker", "master/abort", "cli/warm_up"]),
    ("protocol/uwsgi", &["protocol", "cli/request", "cli/decode", "cli/bench"]),
    ("protocol/http", &["protocol"]),
    ("protocol/fastcgi", &["protocol"]),
    ("protocol/scgi", &["protocol"]),
];

/// A word, and the rooms that may say it. A room that is new may say none of those that stand only in some.
const OWNED: &[(&str, Said)] = &[
    ("mio", Said::OnlyIn(&["worker", "net"])),
    ("slab", Said::OnlyIn(&["worker", "connection/runner"])),
    ("std::net", Said::OnlyIn(&["net", "cli/request", "cli/bench"])),
    ("std::os::unix::net", Said::OnlyIn(&["worker", "master", "cli/request"])),
    ("socket2", Said::OnlyIn(&["net"])),
    ("libc", Said::OnlyIn(&["master", "process"])),
    ("nix", Said::OnlyIn(&["worker", "net", "master", "process", "cli"])),
    ("rustix", Said::OnlyIn(&["worker", "net", "process", "cli", "static_files/folder"])),
    // The worker's clock is the only one; an observer keeps a time of its own, and so does a client.
    ("Instant::now", Said::OnlyIn(&["worker", "telemetry", "master", "cli"])),
    (
        "SystemTime::now",
        Said::OnlyIn(&[
            "telemetry/access_log",
            "telemetry/local_time",
            "worker/http_date",
            "master",
            "cli/bench",
            "cli/uwsgi",
        ]),
    ),
    // What bytes mean needs no socket, no clock and no log.
    ("log", Said::NowhereIn(DATA)),
    ("WouldBlock", Said::NowhereIn(DATA)),
    // The seam between the two machines: what a protocol calls its parts is not the connection's business.
    ("vars", Said::NowhereIn(&["connection"])),
    ("unsafe", Said::OnlyIn(&["master", "process"])),
];

/// The rooms that are functions of bytes.
const DATA: &[&str] = &["protocol", "application", "ascii", "limits"];

enum Said {
    OnlyIn(&'static [&'static str]),
    NowhereIn(&'static [&'static str]),
}

#[test]
fn imports_go_down_the_ladder_and_words_stay_in_their_rooms() {
    let files = sources();
    let wrong: Vec<String> = (files.iter())
        .filter(|(module, _)| module != "lib")
        .flat_map(|(module, source)| faults(module, source))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    for room in LADDER {
        let is_there = files.iter().any(|(module, _)| room_of(module) == Some(*room));
        assert!(is_there, "room {room} has no file: take it out of LADDER in tests/layering.rs");
    }
}

#[test]
fn every_permission_is_used() {
    let files = sources();
    let uses = |room: &str, used: &dyn Fn(&str, &[&str]) -> bool| {
        let within = files.iter().filter(|(module, _)| module == room || is_in(module, room));
        within.into_iter().any(|(module, source)| paths(&code(source)).iter().any(|path| used(module, path)))
    };
    let mut unused = Vec::new();
    for (word, said) in OWNED {
        let Said::OnlyIn(rooms) = said else { continue };
        unused
            .extend(rooms.iter().filter(|room| !uses(room, &|_, path| says(path, word))).map(|r| (r, word)));
    }
    for (inside, rooms) in INSIDES {
        let names = |module: &str, path: &[&str]| names(module, path, inside);
        unused.extend(rooms.iter().filter(|room| !uses(room, &names)).map(|r| (r, inside)));
    }
    assert!(unused.is_empty(), "no room uses these permissions (room, what): {unused:?}");
}

#[test]
fn a_broken_rule_is_found() {
    for (module, source, want) in [
        ("application/environ", "use crate::worker::Worker;", "application imports worker"),
        ("application/environ", "fn f() { crate::net::stream::Peer::Unix; }", "application imports net"),
        (
            "protocol/error",
            "use crate::{limits::Limits, net::stream::{Peer, Socket}};",
            "protocol imports net",
        ),
        ("application/body", "use super::super::worker::Worker;", "application imports worker"),
        ("limits", "use crate::application::Body;", "limits imports application"),
        ("protocol/uwsgi/vars", "use super::super::super::net::stream::Peer;", "protocol imports net"),
        ("cli/serve", "use crate::protocol::uwsgi::Vars;", "cli/serve names protocol/uwsgi"),
        ("cli/serve", "use crate::connection::Connection;", "cli/serve names connection"),
        ("net/stream", "use crate::protocol::http::Conversation;", "net/stream names protocol/http"),
        ("worker", "use crate::cli::Host;", "worker imports cli"),
        ("worker", "use crate::Limits;", "`crate::Limits` is for users"),
        ("connection", "use mio::Token;", "connection says `mio`"),
        ("connection", "use std::{io, net::TcpStream};", "connection says `std::net`"),
        ("connection", "let now = std::time::Instant::now();", "connection says `Instant::now`"),
        ("connection", "let vars = 1;", "connection says `vars`"),
        ("net/listener", "use slab::Slab;", "net/listener says `slab`"),
        ("protocol/uwsgi/decoder", "ErrorKind::WouldBlock => {}", "protocol/uwsgi/decoder says `WouldBlock`"),
        ("protocol/uwsgi/decoder", "log::warn!(\"\");", "protocol/uwsgi/decoder says `log`"),
        ("worker", "unsafe { f() }", "worker says `unsafe`"),
        ("novelty", "", "src/novelty.rs stands nowhere: give its room a place in LADDER"),
    ] {
        let found = faults(module, source);
        assert!(found.len() == 1 && found[0].contains(want), "{source:?} in {module}: {found:?}");
    }
}

#[test]
fn what_breaks_no_rule_is_left_alone() {
    for (module, source) in [
        ("application/environ", "use crate::limits::Limits; use std::fmt;"),
        ("application/environ", "#[cfg(test)] mod tests { use crate::worker::Worker; }"),
        (
            "application/environ",
            "// crate::worker\n/// [`crate::worker`]\n/* log::warn */ const A: &str = \"log::warn \\\" mio\";",
        ),
        ("application/environ", "const QUOTE: u8 = b'\"'; const LIFE: &'static str = \"mio\"; // '"),
        ("connection", "let (logged, variables, net) = (deadline, simio, vars_seen);"),
        ("connection", "use std::time::Instant; let now: Instant = clock();"),
        ("protocol/uwsgi/decoder", "use super::vars::Vars; use crate::protocol::Fault;"),
        ("protocol/error", "use super::uwsgi::WireFault;"),
        ("cli/request/packet", "use crate::protocol::uwsgi::Packet; use super::target::Target;"),
        ("main", "fn main() { tidegate::cli::main() }"),
    ] {
        assert_eq!(faults(module, source), Vec::<String>::new(), "{source:?} in {module}");
    }
}

/// What is wrong with a file, a sentence each. `module` is its path in `src`, as `protocol/uwsgi/vars`.
fn faults(module: &str, source: &str) -> Vec<String> {
    let Some(room) = room_of(module) else {
        return vec![format!(
            "src/{module}.rs stands nowhere: give its room a place in LADDER in tests/layering.rs"
        )];
    };
    let place = |room: &str| LADDER.iter().position(|one| *one == room);
    let within = |rooms: &[&str]| rooms.iter().any(|name| *name == module || is_in(module, name));
    let mut faults = Vec::new();
    for path in paths(&code(source)) {
        if let Some(target) = inside(module, &path) {
            match room_of(&target) {
                None => faults.push(format!(
                    "src/{module}.rs: `crate::{}` is for users of the crate: name the room that it is from",
                    target.replace('/', "::")
                )),
                Some(import) if place(import) < place(room) => {
                    faults.push(format!("src/{module}.rs: {room} imports {import}, up the ladder"));
                }
                Some(_) => {
                    for (inside, rooms) in INSIDES {
                        let is_home = module == *inside || is_in(module, inside);
                        if names(module, &path, inside) && !is_home && !within(rooms) {
                            faults.push(format!(
                                "src/{module}.rs: {module} names {inside}, which is not its business"
                            ));
                        }
                    }
                }
            }
        }
        for (word, said) in OWNED {
            let is_right = match said {
                Said::OnlyIn(rooms) => within(rooms),
                Said::NowhereIn(rooms) => !within(rooms),
            };
            if says(&path, word) && !is_right {
                faults.push(format!("src/{module}.rs: {module} says `{word}`, which is not said there"));
            }
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// Whether a path says a word.
fn says(path: &[&str], word: &str) -> bool {
    let segments: Vec<&str> = word.split("::").collect();
    path.windows(segments.len()).any(|part| part == segments)
}

/// Whether a path that stands in `module` leads to `place` in the crate, or into it.
fn names(module: &str, path: &[&str], place: &str) -> bool {
    inside(module, path).is_some_and(|target| target == place || is_in(&target, place))
}

/// Every file of src as its module path and its text.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(Path::new(SRC), &mut files);
    assert!(files.len() > 100, "only {} files found in {SRC}", files.len());
    files
}

/// The room that a module belongs to: the folder of src in which it stands, or the file.
fn room_of(module: &str) -> Option<&'static str> {
    LADDER.iter().copied().find(|room| *room == module || is_in(module, room))
}

fn is_in(module: &str, folder: &str) -> bool {
    module.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Where in the crate a path leads that stands in `module`; `None` if it leads out of it, or nowhere else.
fn inside(module: &str, path: &[&str]) -> Option<String> {
    let ups = path.iter().take_while(|segment| **segment == "super").count();
    let target = match path.first()? {
        &"crate" | &"tidegate" => path[1..].join("/"),
        &"super" => {
            let around: Vec<&str> = module.split('/').collect();
            let around = &around[..around.len().saturating_sub(ups)];
            [around, &path[ups..]].concat().join("/")
        }
        _ => return None,
    };
    (!target.is_empty()).then_some(target)
}

/// Every path in the code, a lone name being a path of one segment; `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    let mut rest = code;
    // The prefixes of the braces that are open; those of a block have none.
    let mut open: Vec<Vec<&str>> = vec![Vec::new()];
    let mut path: Vec<&str> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if word > 0 {
            path.push(&rest[..word]);
            rest = &rest[word..];
            continue;
        }
        if let Some(behind) = rest.strip_prefix("::") {
            rest = behind;
            continue;
        }
        let prefix = open.last().cloned().unwrap_or_default();
        let opens_group = first == '{' && code[..code.len() - rest.len()].ends_with("::");
        if opens_group {
            open.push([prefix, std::mem::take(&mut path)].concat());
        } else {
            if !path.is_empty() {
                paths.push([prefix, std::mem::take(&mut path)].concat());
            }
            match first {
                '{' => open.push(Vec::new()),
                '}' => drop(open.pop()),
                _ => {}
            }
        }
        rest = &rest[first.len_utf8()..];
    }
    paths.extend((!path.is_empty()).then_some(path));
    paths
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The source without its tests, its comments, and what stands in quotes.
fn code(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source.split("#[cfg(test)]").next().unwrap_or_default();
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            1 + quoted(&rest[1..], '"')
        } else if first == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            1 + quoted(&rest[1..], '\'')
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of what stands before the closing quote, and of the quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Every file of the folder as its module path and its text.
fn collect(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = path.strip_prefix(SRC).unwrap().with_extension("");
            let module = module.to_str().expect("file names are ASCII");
            let module = module.strip_suffix("/mod").unwrap_or(module).to_owned();
            files.push((module, fs::read_to_string(&path).unwrap()));
        }
    }
}

const SRC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
