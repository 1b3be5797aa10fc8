//! What ships in deploy/ does what docs/deploy.md says of it, as far as a machine without systemd, podman and a domain of
//! its own can tell.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, and so may its helpers")]

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire/mod.rs"]
mod wire;

mod images;
mod nginx;
mod package;
mod rotation;
mod units;

use std::fs;
use std::path::{Path, PathBuf};

/// The text of a file of deploy/.
fn shipped(name: &str) -> String {
    let path = Path::new(DEPLOY).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

#[test]
fn each_file_is_explained() {
    // One is for a host, the other for many.
    let guides = ["deploy", "scale"].map(|name| Path::new(DEPLOY).join(format!("../docs/{name}.md")));
    let guide = guides.map(|path| fs::read_to_string(path).unwrap()).concat();
    let mut folders = vec![PathBuf::from(DEPLOY)];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(DEPLOY).unwrap().to_str().unwrap();
            if path.is_dir() {
                // How the package is made is for who makes it: CONTRIBUTING.md.
                if name != "debian" {
                    folders.push(path);
                }
                continue;
            }
            assert!(
                guide.contains(&format!("(../deploy/{name})")),
                "neither docs/deploy.md nor docs/scale.md has a link to {name}"
            );
            files += 1;
        }
    }
    assert!(files > 5, "only {files} files in {DEPLOY}");
    let links = guide.split("](../").skip(1).filter_map(|rest| rest.split_once(')'));
    for (link, _) in links {
        let path = Path::new(DEPLOY).join("..").join(link);
        assert!(path.exists(), "docs/deploy.md or docs/scale.md links to {link}, which is not there");
    }
}
