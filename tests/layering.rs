//! Imports run one way, and some words are said in some rooms only.
//!
//! A room is a file of `src` or a folder. [`ROOMS`] says what each may import, [`OWNED`] who may say a word. What
//! stands behind `#[cfg(test)]` may import what it likes.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

use std::fs;
use std::path::Path;

/// A room and the rooms it may import: only some that stand below it, so the table is the arrow. A folder and the
/// rooms in it are one house, and import each other freely.
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli/top", &["listener"]),
    ("cli/request", &["limits", "listener", "protocol/uwsgi"]),
    ("cli/decode", &["limits", "protocol", "protocol/uwsgi", "variables"]),
    (
        "cli",
        &[
            "access_log",
            "trace",
            "application",
            "demo",
            "descriptors",
            "environ",
            "fork_watch",
            "master",
            "worker",
            "stop",
            "listener",
            "observer",
            "protocol",
            "nearest",
            "limits",
        ],
    ),
    ("access_log", &["losses", "observer", "variables"]),
    ("trace", &["losses", "observer", "environ", "response", "variables"]),
    ("demo", &["application", "environ", "input", "nearest", "variables"]),
    (
        "master",
        &[
            "worker",
            "application",
            "fork_watch",
            "last_words",
            "limits",
            "link",
            "listener",
            "protocol",
            "scoreboard",
            "stats",
            "stream",
            "throttle",
            "variables",
        ],
    ),
    ("stats", &["scoreboard"]),
    (
        "worker",
        &[
            "acceptor",
            "connection",
            "application",
            "date",
            "fork_watch",
            "limits",
            "listener",
            "observer",
            "protocol",
            "stop",
            "stream",
            "throttle",
            "link",
            "scoreboard",
        ],
    ),
    ("link", &["stop"]),
    ("stop", &[]),
    ("acceptor", &["fork_watch", "limits", "listener", "protocol", "stream", "throttle"]),
    ("date", &[]),
    ("nearest", &[]),
    ("losses", &["throttle"]),
    ("throttle", &[]),
    ("listener", &["descriptors", "limits", "protocol", "stream"]),
    (
        "connection",
        &[
            "client",
            "exchange",
            "observer",
            "application",
            "environ",
            "limits",
            "outbox",
            "protocol",
            "response",
            "scoreboard",
            "stream",
            "variables",
        ],
    ),
    ("scoreboard", &["last_words"]),
    ("last_words", &[]),
    ("observer", &["environ", "response", "stream", "variables"]),
    (
        "exchange",
        &["application", "client", "environ", "fork_watch", "limits", "outbox", "response", "variables"],
    ),
    ("outbox", &["application", "stream"]),
    ("stream", &["fork_watch"]),
    ("protocol/uwsgi", &["limits", "variables"]),
    ("protocol/http", &["limits", "response", "variables"]),
    ("protocol/fastcgi", &["environ", "limits", "response", "variables"]),
    ("protocol/scgi", &["limits", "response", "variables"]),
    ("protocol", &["environ", "input", "limits", "response", "variables"]),
    ("application", &["client", "environ", "limits", "response"]),
    ("response", &[]),
    ("environ", &["input", "variables"]),
    ("variables", &[]),
    ("input", &["descriptors"]),
    ("client", &[]),
    ("descriptors", &[]),
    ("limits", &[]),
    ("fork_watch", &[]),
];

/// A word, and the rooms that may say it. A room that is new may say none of those that stand only in some.
const OWNED: &[(&str, Said)] = &[
    ("mio", Said::OnlyIn(&["worker", "acceptor", "link", "listener", "stream", "stop"])),
    ("slab", Said::OnlyIn(&["worker"])),
    ("std::net", Said::OnlyIn(&["worker", "acceptor", "listener", "stream", "cli/request"])),
    (
        "std::os::unix::net",
        Said::OnlyIn(&["worker", "acceptor", "link", "listener", "stream", "stop", "master", "cli/request"]),
    ),
    // The worker's clock is the only one; who observes keeps a time of its own, and so does a client.
    ("Instant::now", Said::OnlyIn(&["worker", "access_log", "trace", "master", "cli"])),
    ("SystemTime::now", Said::OnlyIn(&["access_log", "date", "trace", "master", "cli"])),
    // What bytes mean needs no socket, no clock and no log.
    ("log", Said::NowhereIn(DATA)),
    ("WouldBlock", Said::NowhereIn(DATA)),
    // The seam between the two machines: what a protocol calls its parts is not the connection's business.
    ("vars", Said::NowhereIn(&["connection", "exchange", "outbox"])),
    ("unsafe", Said::OnlyIn(&["master", "fork_watch"])),
];

/// The rooms that are functions of bytes.
const DATA: &[&str] = &[
    "protocol",
    "protocol/uwsgi",
    "protocol/http",
    "protocol/fastcgi",
    "protocol/scgi",
    "application",
    "response",
    "environ",
    "variables",
    "input",
    "limits",
];

enum Said {
    OnlyIn(&'static [&'static str]),
    NowhereIn(&'static [&'static str]),
}

#[test]
fn imports_follow_the_arrow_and_words_stay_in_their_rooms() {
    let mut files = Vec::new();
    collect(Path::new(SRC), &mut files);
    assert!(files.len() > ROOMS.len() / 2, "only {} files found in {SRC}", files.len());
    let wrong: Vec<String> = (files.iter())
        .filter(|(module, _)| module != "lib")
        .flat_map(|(module, source)| faults(module, source))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    for (room, _) in ROOMS {
        let is_there = files.iter().any(|(module, _)| room_of(module) == Some(*room));
        assert!(is_there, "room {room} has no file: take its row out of ROOMS in tests/layering.rs");
    }
}

#[test]
fn the_arrow_has_no_circle() {
    for (at, (room, imports)) in ROOMS.iter().enumerate() {
        for import in *imports {
            let below = ROOMS[at + 1..].iter().any(|(name, _)| name == import);
            assert!(
                below || same_house(room, import),
                "{room} imports {import}, which does not stand below it"
            );
        }
    }
}

#[test]
fn a_broken_rule_is_found() {
    for (module, source, want) in [
        ("environ", "use crate::worker::Worker;", "environ imports worker"),
        ("environ", "fn f() { crate::connection::Turn::Closed; }", "environ imports connection"),
        ("environ", "use crate::{input::Input, stream::{Peer, Socket}};", "environ imports stream"),
        ("environ", "use super::worker::Worker;", "environ imports worker"),
        ("limits", "use crate::input::Input;", "limits imports input"),
        ("protocol/uwsgi/vars", "use super::super::super::outbox::Outbox;", "protocol/uwsgi imports outbox"),
        ("cli/serve", "use crate::protocol::uwsgi::Vars;", "cli imports protocol/uwsgi"),
        ("cli/serve", "use crate::connection::Connection;", "cli imports connection"),
        ("worker", "use crate::cli::serve;", "worker imports cli"),
        ("worker", "use crate::Limits;", "`crate::Limits` is for users"),
        ("connection", "use mio::Token;", "connection says `mio`"),
        ("connection", "use std::{io, net::TcpStream};", "connection says `std::net`"),
        ("connection", "let now = std::time::Instant::now();", "connection says `Instant::now`"),
        ("connection", "let vars = 1;", "connection says `vars`"),
        ("acceptor", "use slab::Slab;", "acceptor says `slab`"),
        ("protocol/uwsgi/decoder", "ErrorKind::WouldBlock => {}", "protocol/uwsgi says `WouldBlock`"),
        ("protocol/uwsgi/decoder", "log::warn!(\"\");", "protocol/uwsgi says `log`"),
        ("worker", "unsafe { f() }", "worker says `unsafe`"),
        ("novelty", "", "src/novelty.rs has no room: add a row to ROOMS"),
    ] {
        let found = faults(module, source);
        assert!(found.len() == 1 && found[0].contains(want), "{source:?} in {module}: {found:?}");
    }
}

#[test]
fn what_breaks_no_rule_is_left_alone() {
    for (module, source) in [
        ("environ", "use crate::input::Input; use std::fmt;"),
        ("environ", "#[cfg(test)] mod tests { use crate::worker::Worker; }"),
        (
            "environ",
            "// crate::worker\n/// [`crate::worker`]\n/* log::warn */ const A: &str = \"log::warn \\\" mio\";",
        ),
        ("environ", "const QUOTE: u8 = b'\"'; const LIFE: &'static str = \"mio\"; // '"),
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
            "src/{module}.rs has no room: add a row to ROOMS in tests/layering.rs, in its place"
        )];
    };
    let (_, may_import) =
        ROOMS.iter().find(|(name, _)| *name == room).expect("room_of finds rooms of the table");
    let mut faults = Vec::new();
    for path in paths(&code(source)) {
        if let Some(target) = inside(module, &path) {
            match room_of(&target) {
                None => faults.push(format!(
                    "src/{module}.rs: `crate::{}` is for users of the crate: name the room that it is from",
                    target.replace('/', "::")
                )),
                Some(import) if same_house(room, import) || may_import.contains(&import) => {}
                Some(import) => {
                    faults.push(format!("src/{module}.rs: {room} imports {import}, against the arrow"));
                }
            }
        }
        for (word, said) in OWNED {
            let segments: Vec<&str> = word.split("::").collect();
            let is_said = path.windows(segments.len()).any(|part| part == segments);
            let within = |rooms: &[&str]| rooms.iter().any(|name| *name == room || is_in(room, name));
            let is_right = match said {
                Said::OnlyIn(rooms) => within(rooms),
                Said::NowhereIn(rooms) => !within(rooms),
            };
            if is_said && !is_right {
                faults.push(format!("src/{module}.rs: {room} says `{word}`, which is not said there"));
            }
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The room that a module belongs to: itself, or the nearest folder around it that is one.
fn room_of(module: &str) -> Option<&'static str> {
    let rooms = ROOMS.iter().map(|(room, _)| *room);
    rooms.filter(|room| *room == module || is_in(module, room)).max_by_key(|room| room.len())
}

fn is_in(module: &str, folder: &str) -> bool {
    module.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn same_house(one: &str, other: &str) -> bool {
    let house = |room: &str| room.split('/').next().map(str::to_owned);
    house(one) == house(other)
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
