//! Readers where the process may open few files: they are told of the workers, and take nothing from them.

use std::fs;

use crate::master::wrap;
use crate::reader::{Told, kill_worker};
use crate::support::eventually;

#[test]
fn readers_leave_the_descriptors_that_the_workers_need() {
    let few = |command: &mut _| wrap(command, &["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"]);
    let told = Told::spawn("FOLDER/stats", &["--workers", "2"], few);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", told.master.pid())).unwrap().count();
    let before = descriptors();
    for round in 1..=3 {
        // One that has served is replaced at once.
        let victim = told.master.get("/pid").text().parse().unwrap();
        let crowd: Vec<_> = (0..64).map(|_| told.remote.send("GET / HTTP/1.1\r\n")).collect();
        eventually("the crowd is there", || descriptors() > before + 20);
        kill_worker(victim);
        eventually("its successor", || {
            let workers = told.master.workers();
            workers.len() == 2 && !workers.contains(&victim)
        });
        let failures = ["cannot be started", "could not start", "not answered"];
        assert_eq!(failures.map(|words| told.master.count(words)), [0; 3], "in round {round}");
        // The last that have come are answered.
        assert!(told.metrics().contains("tidegate"));
        drop(crowd);
        eventually("they are let go of", || descriptors() <= before + 2);
    }
}
