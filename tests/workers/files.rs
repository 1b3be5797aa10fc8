//! Static files beside workers whose threads are all held.

use std::fs;

use nix::sys::signal::Signal;

use crate::reader::{Told, number};
use crate::support::client::{Response, get};
use crate::support::eventually;

#[test]
fn files_are_served_while_every_thread_of_four_workers_is_held() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("a.txt"), "a file").unwrap();
    let option = format!("/static={}", files.path().display());
    let told =
        Told::start(&["--workers", "4", "--threads", "1", "--static", &option, "--access-log", "--trace"]);
    let master = &told.master;
    let held: Vec<_> = (0..4).map(|at| master.remote.send(get(&format!("/held-{at}")))).collect();
    let calls = || fs::read_to_string(master.folder.path().join("version-calls")).unwrap_or_default();
    eventually("each thread has a call", || calls().lines().count() == 4);
    for _ in 0..40 {
        master.get("/static/a.txt").assert_body("a file");
    }
    // The statistics, the access log and the trace tell of them as of all.
    told.eventually("they are counted", |json| number(json, "tidegate.totals.requests") == 40.0);
    master.says("GET /static/a.txt 200");
    let line = master.says("  file  ");
    assert!(line.ends_with("/a.txt"), "{line}");
    // The application has what the folder lacks, once it is let go.
    let waits = master.remote.send(get("/static/none"));
    fs::write(master.folder.path().join("version-open"), "").unwrap();
    for client in held.iter().chain([&waits]) {
        Response::read(client).assert_body("one");
    }
    // A reload keeps them, and so does each new worker.
    master.write_version("two");
    master.signal(Signal::SIGHUP);
    eventually("the new workers serve", || master.get("/").text() == "two");
    master.get("/static/a.txt").assert_body("a file");
}
