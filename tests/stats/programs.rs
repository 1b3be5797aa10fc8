//! The programs for which this is made: uwsgitop and Prometheus, in whose place stands its own parser.

use std::process::Command;

use crate::reader::Told;
use crate::support::program::{self, output, venv};

/// What a script of this folder prints, that is to end well.
#[track_caller]
pub(crate) fn script(name: &str, args: &[&str]) -> String {
    let mut command = program::script(Command::new(venv("python")), &format!("tests/stats/{name}"));
    command.args(args);
    output(command, b"")
}

#[test]
fn prometheus_reads_every_metric() {
    let told = Told::at("127.0.0.1:0", &["--workers", "2", "--http", "127.0.0.1:0"]);
    for path in ["/", "/", "/error"] {
        told.master.get(path);
    }
    told.eventually("they are counted", |json| {
        crate::reader::number(json, "tidegate.totals.requests") == 3.0
    });
    assert_eq!(script("metrics.py", &[&format!("http://{}/metrics", told.remote.name), "3"]), "passed\n");
}

#[test]
fn the_guide_names_every_metric_and_every_key_of_our_own() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/stats.md")).unwrap();
    let told = Told::start(&[]);
    told.master.signal(nix::sys::signal::Signal::SIGHUP);
    let json =
        told.eventually("a reload", |json| !crate::reader::at(json, "tidegate.last_reload_ended").is_null());
    let metrics = told.metrics();
    let names = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE tidegate_")?.split(' ').next());
    let keys = ["tidegate", "tidegate.totals", "workers.0.tidegate.processes.0", "tidegate.listeners.0"];
    let keys = keys.iter().flat_map(|path| crate::reader::at(&json, path).as_object().unwrap().keys());
    let is_named =
        |name: &&str| guide.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == *name);
    let missing: Vec<&str> = names.chain(keys.map(String::as_str)).filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "docs/stats.md does not name {missing:?}");
}

#[test]
fn uwsgitop_shows_the_workers() {
    for address in ["127.0.0.1:0", "FOLDER/stats"] {
        let told = Told::at(address, &["--workers", "2"]);
        told.master.get("/");
        let uwsgitop = venv("uwsgitop");
        let mut addresses = vec![told.remote.name.trim_start_matches("unix:").to_owned()];
        if told.remote.is_tcp() {
            addresses.push(format!("http://{}", told.remote.name));
        }
        for address in addresses {
            let pid = told.master.workers()[0].to_string();
            let version = concat!("uwsgi-", env!("CARGO_PKG_VERSION"));
            let args =
                ["24x140", "q", version, "WID", "idle", &pid, "--", uwsgitop.to_str().unwrap(), &address];
            assert_eq!(script("terminal.py", &args), "exit status 0, the terminal is as before\n");
        }
    }
}
