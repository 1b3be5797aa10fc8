//! `tidegate decode`, on every fixture.

use std::fs;
use std::path::{Path, PathBuf};

use crate::wire::uwsgi::Packet;
use serde_json::Value;

use crate::process::{run, run_with};

fn fixtures(folder: &str) -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/uwsgi").join(folder);
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let want = fs::read_to_string(path.with_extension("json")).unwrap();
            all.push((path, serde_json::from_str(&want).unwrap()));
        }
    }
    assert!(all.len() > 20);
    all
}

#[test]
fn valid_packets_become_their_json() {
    for (path, want) in fixtures("valid") {
        let done = run(&["decode", "--json", path.to_str().unwrap()]);
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{path:?}");
        let got: Value = serde_json::from_slice(&done.out).unwrap();
        for field in ["modifier1", "modifier2", "datasize", "vars", "body"] {
            assert!(got[field] == want[field], "{field} of {path:?}: {}", got[field]);
        }
    }
}

#[test]
fn invalid_packets_are_told_with_their_offset() {
    for (path, want) in fixtures("invalid") {
        let done = run(&["decode", path.to_str().unwrap()]);
        assert_eq!((done.code, done.err.lines().count()), (Some(1), 1), "{path:?}: {done:?}");
        let offset = want["offset"].as_u64().map(|offset| format!(", at offset {offset}\n"));
        assert!(done.err.ends_with(&offset.unwrap_or_default()), "{path:?}: {} instead of {want}", done.err);
    }
}

#[test]
fn the_vars_before_an_error_are_printed() {
    let packet = b"\0\x12\0\0\x01\0A\x01\0a\x01\0B\x01\0b\x09\0overrun";
    let done = run_with(&["decode", "-"], packet);
    assert_eq!(done.text(), "modifier1  0 (WSGI)\ndatasize   18\nmodifier2  0\n\nA  a\nB  b\n");
    assert_eq!(
        done.err,
        "tidegate: -: a key of 9 bytes overruns the vars, of which 4 are left, at offset 16\n"
    );
}

#[test]
fn a_packet_is_readable() {
    let vars = Packet::new().modifiers(30, 0).var("A", b"\xff\"").var("CONTENT_LENGTH", "7");
    let packet = [vars.header_and_vars().unwrap().as_slice(), b"text\n.\n"].concat();
    let done = run_with(&["decode", "-"], &packet);
    let want = "modifier1  30 (WSGI with SCRIPT_NAME stripped)\ndatasize   26\nmodifier2  0\n\n\
                A               \\xff\\\"\nCONTENT_LENGTH  7\n\nbody       7 bytes\n\ntext\n.\n\nwarning    ";
    let warning = done.text().strip_prefix(want).unwrap_or_else(|| panic!("{}", done.text())).to_owned();
    assert!(warning.contains("no REQUEST_METHOD and is served as a GET"), "{warning}");
}

#[test]
fn a_file_cut_short_says_where() {
    let whole =
        fs::read(format!("{}/fixtures/uwsgi/valid/nginx-post.bin", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (len, why) in [
        (0, "-: it ends at offset 0, after 0 of the 4 bytes of the header"),
        (3, "-: it ends at offset 3, after 3 of the 4 bytes of the header"),
        (100, "-: it ends at offset 100, after 96 of the 416 bytes of the vars"),
        (440, "-: it ends at offset 440, after 20 of the 45 bytes of the body"),
    ] {
        let done = run_with(&["decode", "-"], &whole[..len]);
        assert_eq!((done.code, done.err), (Some(1), format!("tidegate: {why}\n")));
    }
    let done = run(&["decode", "/no/such/file"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with("tidegate: cannot read /no/such/file: No such file"), "{}", done.err);
}
