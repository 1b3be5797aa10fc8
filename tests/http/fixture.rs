//! The pairs in `fixtures/http`; its README.md explains them.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The bytes of a connection, and what must come of them.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: Value,
}

impl Fixture {
    /// The pairs of a folder. Bytes without their description are an error, and so is an empty folder.
    pub(crate) fn all(kind: &str) -> Vec<Fixture> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/http").join(kind);
        let mut fixtures: Vec<Fixture> = fs::read_dir(&folder)
            .expect("the folder of fixtures is there")
            .map(|entry| entry.expect("its entries can be read").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
            .map(|path| Fixture::read(&path))
            .collect();
        assert!(!fixtures.is_empty(), "no fixtures in {}", folder.display());
        fixtures.sort_by(|a, b| a.name.cmp(&b.name));
        fixtures
    }

    /// The status that an invalid one must get.
    pub(crate) fn status(&self) -> u16 {
        let status = self.json["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        status.unwrap_or_else(|| panic!("{}: no status", self.name))
    }

    fn read(path: &Path) -> Fixture {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let json =
            fs::read(path.with_extension("json")).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        let json = serde_json::from_slice(&json).unwrap_or_else(|error| panic!("{name}.json: {error}"));
        Fixture { name, bytes, json }
    }
}

/// The files are latin-1: a code point is a byte.
pub(crate) fn latin1(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(c).expect("a code point of latin-1")).collect()
}
