//! `--min-workers`: as many workers as the requests need.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::load::Load;
use crate::master::Master;
use crate::support::client::{Response, get};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";
const FROM_1_TO_4: [&str; 6] = ["--workers", "4", "--min-workers", "1", "--workers-idle", "0.5"];

#[test]
fn workers_come_and_go_by_need_and_no_request_is_lost() {
    let master = Master::start(&FROM_1_TO_4);
    assert_eq!(master.workers().len(), 1);
    let nginx = Nginx::start(&master.remote, PASS);
    for _ in 0..2 {
        // More than four workers of four threads have at once.
        let load = Load::start(&nginx, 20, "/sleep?100");
        master.eventually_has(4);
        load.assert_all_well();
        let load = Load::start(&nginx, 1, "/");
        master.eventually_has(1);
        load.goes_on(1);
        load.assert_all_well();
    }
    let line = master.says("requests wait: 1 worker more, 2 of up to 4");
    assert!(line.contains(" INFO "), "{line}");
    master.says("1 of up to 4");
}

#[test]
fn a_reload_an_upgrade_and_a_killed_worker_are_no_hindrance() {
    let master = Master::start(&[&FROM_1_TO_4[..], &["--workers-initial", "2"]].concat());
    assert_eq!(master.workers().len(), 2);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 20, "/sleep?100");
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    master.says("4 of up to 4");
    master.eventually_has(4);
    master.replace(Signal::SIGUSR2);
    assert!(master.workers().len() >= 4, "it begins with as many as the one before had");
    load.assert_all_well();
    master.eventually_has(1);
    kill(Pid::from_raw(master.workers()[0]), Signal::SIGKILL).unwrap();
    master.says("SIGKILL");
    master.eventually_has(1);
    master.get("/").assert_body("one");
}

#[test]
fn a_worker_with_something_to_do_is_not_ended() {
    let master = Master::on_loop(&FROM_1_TO_4, |_| {});
    let busy: Vec<_> = (0..4).map(|_| master.remote.send(get("/held"))).collect();
    master.eventually_has(4);
    let all = master.workers();
    std::fs::write(master.folder.path().join("version-open"), "").unwrap();
    busy.iter().for_each(|one| Response::read(one).assert_body("one"));
    // It ends with the server.
    let _long = master.remote.send(get("/sleep?600000"));
    eventually("it is in a worker's hands", || master.asleep().len() == 1);
    let asleep = master.asleep();
    // Of two, one is busy: both are needed.
    let left = master.eventually_has(2);
    assert!(left.iter().all(|pid| all.contains(pid)) && left.contains(&asleep[0]), "{left:?}");
    assert_eq!(master.asleep(), asleep);
}

#[test]
fn signals_change_how_many_there_may_be() {
    let master = Master::on_loop(&["--workers", "3", "--min-workers", "2"], |_| {});
    master.signal(Signal::SIGTTIN);
    master.says("3 workers are wanted, and up to 4 by need");
    master.eventually_has(3);
    for most in [3, 2, 1] {
        master.signal(Signal::SIGTTOU);
        master.says(&format!("wanted, and up to {most} by need"));
    }
    master.eventually_has(1);
    master.get("/").assert_body("one");
}
