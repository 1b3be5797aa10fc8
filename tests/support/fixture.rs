//! The pairs in `fixtures`: the bytes of a connection, and what must become of them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate::ProtocolName;

pub(crate) struct Fixture {
    pub(crate) protocol: ProtocolName,
    /// Its path below `fixtures`, without a suffix.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: Value,
}

impl Fixture {
    /// The pairs of a protocol, sorted by name. Bytes without their description are an error, and so is an empty folder.
    #[track_caller]
    pub(crate) fn all(protocol: ProtocolName, kind: &str) -> Vec<Fixture> {
        let folder = folder().join(protocol.to_string()).join(kind);
        let entries = fs::read_dir(&folder).expect("the folder of fixtures is there");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "bin" || suffix == "http"));
        paths.sort();
        assert!(!paths.is_empty(), "no fixtures in {}", folder.display());
        paths.iter().map(|path| Fixture::read(protocol, path)).collect()
    }

    #[track_caller]
    fn read(protocol: ProtocolName, path: &Path) -> Fixture {
        let name = path.strip_prefix(folder()).unwrap().with_extension("").display().to_string();
        let json =
            fs::read(path.with_extension("json")).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let json = serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        Fixture { protocol, name, bytes: fs::read(path).unwrap(), json }
    }

    /// The status that an invalid one must get; none if its connection is closed without a word.
    pub(crate) fn status(&self) -> Option<u16> {
        let status = self.json.get("status").unwrap_or_else(|| panic!("{}: no status", self.name));
        status.as_u64().map(|status| u16::try_from(status).unwrap())
    }

    /// A string field; empty where it is missing.
    pub(crate) fn text(&self, field: &str) -> Vec<u8> {
        self.json.get(field).map(latin1).unwrap_or_default()
    }

    /// The requests of a valid one: mostly the file is of one.
    pub(crate) fn requests(&self) -> Vec<&Value> {
        match self.json.get("requests") {
            Some(requests) => requests.as_array().expect("a list").iter().collect(),
            None => vec![&self.json],
        }
    }
}

/// The files are latin-1: a code point is a byte.
pub(crate) fn latin1(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(c).expect("a code point of latin-1")).collect()
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}
