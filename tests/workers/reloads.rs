//! Reloads: no request is lost, and code that cannot be loaded does not replace code that serves.

use std::fs;

use nix::sys::signal::Signal;

use crate::load::Load;
use crate::master::Master;
use crate::support::client::{Response, get};
use crate::support::eventually;
use crate::support::nginx::Nginx;

const PASS: &str = "location / { uwsgi_pass UPSTREAM; }";

#[test]
fn twenty_reloads_under_load_fail_no_request() {
    let master = Master::start(&["--workers", "2"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 16, "/");
    for round in 1..=20 {
        master.write_version(&round.to_string());
        master.signal(Signal::SIGHUP);
        eventually("the reload is over", || master.count("the new code serves") == round);
        // An old worker may have been woken for a connection in the very moment in which it was to leave.
        eventually("the new code answers", || nginx.get("/").text() == round.to_string());
        load.goes_on(50);
    }
    load.assert_all_well();
    master.eventually_has(2);
}

#[test]
fn connections_that_are_kept_alive_move_to_the_new_workers() {
    let master = Master::start(&["--workers", "2", "--http", "FOLDER/http", "--fastcgi", "FOLDER/fastcgi"]);
    let at = |name: &str| format!("unix:{}", master.folder.path().join(name).display());
    let http = format!(
        "upstream by_http {{ server {}; keepalive 16; }}
         upstream by_fastcgi {{ server {}; keepalive 16; }}
         server {{
             listen 127.0.0.1:NGINX_PORT;
             proxy_http_version 1.1;
             proxy_set_header Connection '';
             location /http/ {{ rewrite ^/http(.*) $1 break; proxy_pass http://by_http; }}
             location /fastcgi/ {{ rewrite ^/fastcgi(.*) $1 break; include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass by_fastcgi; }}
         }}",
        at("http"),
        at("fastcgi")
    );
    let nginx = Nginx::serving(&http);
    let loads = ["/http/sleep?5", "/fastcgi/sleep?5"].map(|path| Load::start(&nginx, 4, path));
    for round in 1..=5 {
        let old = master.workers();
        loads.iter().for_each(|load| load.goes_on(50));
        master.signal(Signal::SIGHUP);
        eventually("the reload is over", || master.count("the new code serves") == round);
        // They would be held by clients that keep asking for longer than is waited for.
        eventually("the old workers have left", || !master.workers().iter().any(|pid| old.contains(pid)));
    }
    loads.into_iter().for_each(Load::assert_all_well);
}

#[test]
fn code_that_cannot_be_loaded_leaves_the_old_serving() {
    let master = Master::start(&["--workers", "2"]);
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let before = master.workers();
    for (version, why) in [
        ("broken twice", "and the old serves on: "),
        ("exit", "and the old serves on: a worker ended before it served: exit status 7"),
    ] {
        master.write_version(version);
        master.signal(Signal::SIGHUP);
        let line = master.says(why);
        assert!(line.contains(" ERROR reload: the new code cannot be loaded"), "{line}");
        load.goes_on(50);
        assert_eq!(nginx.get("/").text(), "one");
        eventually("the new workers are gone", || master.workers() == before);
        // A worker that is not needed any more did not crash.
        assert_eq!(master.count("SIGKILL"), 0);
    }
    assert!(master.says("the code is broken twice").contains("/version: "));
    master.write_version("two");
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    eventually("the new code answers", || nginx.get("/").text() == "two");
    load.assert_all_well();
}

#[test]
fn a_reload_that_is_overtaken_by_another_loads_the_last_code() {
    let master = Master::on_loop(&["--workers", "2", "--reload-step", "2"], |_| {});
    master.write_version("slow");
    master.signal(Signal::SIGHUP);
    eventually("both new workers have read the code", || master.asleep().len() == 2);
    master.write_version("three");
    master.signal(Signal::SIGHUP);
    master.says("reload: begun anew");
    master.says("the new code serves");
    eventually("the last code answers", || master.get("/").text() == "three");
    master.eventually_has(2);
}

#[test]
fn a_few_workers_load_the_code_at_a_time() {
    for (step, args) in [(1, &["--reload-step", "1"][..]), (1, &[]), (3, &["--reload-step", "3"])] {
        // Threads load the code too, each for itself, once their worker serves.
        let master = Master::on_loop(&[&["--workers", "4"], args].concat(), |_| {});
        master.write_version("slow");
        master.signal(Signal::SIGHUP);
        let mut most = 0;
        eventually("the new code serves", || {
            most = most.max(master.asleep().len());
            master.count("the new code serves") > 0
        });
        assert!((1..=step).contains(&most), "{most} at a time, with {args:?}");
        master.eventually_has(4);
        assert!((0..20).all(|_| master.get("/").text() == "slow"));
    }
}

#[test]
fn code_that_breaks_on_the_way_leaves_those_that_serve_until_it_is_mended() {
    let master = Master::on_loop(&["--workers", "3", "--reload-step", "1"], |_| {});
    let nginx = Nginx::start(&master.remote, PASS);
    let load = Load::start(&nginx, 4, "/");
    let before = master.workers();
    master.write_version("slow");
    master.signal(Signal::SIGHUP);
    eventually("the second has read the code", || {
        let asleep = master.asleep();
        !master.workers().contains(&before[0]) && asleep.len() == 1
    });
    master.write_version("broken");
    master.says("the code is broken");
    load.goes_on(50);
    assert_eq!(master.count("the old serves on"), 0, "some of the new serve");
    master.write_version("mended");
    master.says("the new code serves");
    eventually("three serve", || master.workers().len() == 3);
    let texts: Vec<String> = (0..50).map(|_| nginx.get("/").text()).collect();
    assert!(texts.iter().all(|text| text == "slow" || text == "mended"), "{texts:?}");
    load.assert_all_well();
}

#[test]
fn a_path_that_changes_is_a_reload() {
    let master = Master::start(&["--reload-on", "FOLDER/code"]);
    let code = master.folder.path().join("code");
    fs::create_dir(&code).unwrap();
    master.write_version("two");
    fs::write(code.join("app.py"), "").unwrap();
    master.says("reload (a path of --reload-on has changed)");
    master.says("the new code serves");
    eventually("the new code answers", || master.get("/").text() == "two");
}

#[test]
fn a_request_that_runs_is_finished_by_the_old_worker() {
    let master = Master::start(&[]);
    let old = master.workers()[0];
    let slow = master.remote.send(get("/sleep?500"));
    eventually("it is in the application's hands", || master.asleep() == [old]);
    master.write_version("two");
    master.signal(Signal::SIGHUP);
    master.says("the new code serves");
    assert_eq!(master.get("/").text(), "two");
    Response::read(&slow).assert_body("one");
    eventually("the old worker has left", || !master.workers().contains(&old));
}
