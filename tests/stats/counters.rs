//! What is counted, and that no counter ever falls.

use nix::sys::signal::Signal;

use crate::reader::{Told, at, kill_worker, number};
use crate::support::longer_times::with_longer_times;

#[test]
fn requests_errors_and_bytes_are_counted_by_worker_and_listener() {
    let told = Told::start(&["--workers", "2", "--http", "FOLDER/http"]);
    for path in ["/", "/", "/error", "/"] {
        told.master.get(path);
    }
    let json = told.eventually("four requests", |json| number(json, "tidegate.totals.requests") == 4.0);
    let sum = |key: &str| {
        let workers = at(&json, "workers").as_array().unwrap();
        workers.iter().map(|worker| number(worker, key)).sum::<f64>()
    };
    for (key, want) in
        [("requests", 4.0), ("exceptions", 1.0), ("cores.0.requests", 4.0), ("respawn_count", 2.0)]
    {
        assert_eq!(sum(key), want, "{key}");
    }
    assert_eq!(
        (number(&json, "tidegate.totals.errors"), number(&json, "tidegate.totals.accepted")),
        (1.0, 4.0)
    );
    assert!(sum("tx") > 200.0 && sum("avg_rt") > 0.0 && sum("running_time") > 0.0);
    let responses = at(&json, "tidegate.totals.responses");
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| number(responses, class));
    assert_eq!(classes, [0.0, 3.0, 0.0, 0.0, 1.0]);
    let listeners = at(&json, "tidegate.listeners");
    assert_eq!((at(listeners, "0.protocol"), number(listeners, "0.accepted")), (&"uwsgi".into(), 4.0));
    assert_eq!((at(listeners, "1.protocol"), number(listeners, "1.accepted")), (&"http".into(), 0.0));
    let counts = at(&json, "tidegate.totals.latency_counts").as_array().unwrap();
    assert_eq!(counts.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 4);
    told.eventually("the workers' memory", |json| number(json, "workers.1.rss") > 1e6);
}

#[test]
fn what_a_file_answers_is_counted_as_a_request_and_as_a_file() {
    let told =
        Told::start(&["--workers", "2", "--static", &format!("/source={}", env!("CARGO_MANIFEST_DIR"))]);
    for path in ["/", "/source/Cargo.toml", "/source/Cargo.toml", "/source/none"] {
        told.master.get(path);
    }
    let json = told.eventually("four requests", |json| number(json, "tidegate.totals.requests") == 4.0);
    assert_eq!(number(&json, "tidegate.totals.static_requests"), 2.0);
    let of_worker = |at: usize| number(&json, &format!("workers.{at}.cores.0.static_requests"));
    assert_eq!(of_worker(0) + of_worker(1), 2.0);
}

#[test]
fn the_processors_time_is_counted_and_outlives_a_worker() {
    let told = Told::start(&[]);
    let used = |json: &_| number(json, "workers.0.tidegate.totals.cpu_seconds");
    told.eventually("some time", |json| {
        told.master.get("/chunks");
        used(json) > 0.0
    });
    let before = used(&told.json());
    told.master.workers().into_iter().for_each(kill_worker);
    let json = told.eventually("another", |json| number(json, "workers.0.respawn_count") == 2.0);
    assert!(used(&json) >= before);
}

#[test]
fn connections_that_stay_open_are_counted_until_they_close() {
    let told = Told::start(&["--http", "FOLDER/http"]);
    let remote =
        crate::support::client::Remote::at(&format!("unix:{}/http", told.master.folder.path().display()));
    let idle: Vec<_> = (0..3).map(|_| remote.connect()).collect();
    let open = |count: f64| move |json: &_| number(json, "tidegate.listeners.1.open") == count;
    let json = told.eventually("three connections", open(3.0));
    assert_eq!(number(&json, "tidegate.listeners.0.open"), 0.0);
    drop(idle);
    told.eventually("none", open(0.0));
}

#[test]
fn a_worker_that_is_killed_leaves_its_counts() {
    let told = Told::start(&["--workers", "1"]);
    for _ in 0..5 {
        told.master.get("/");
    }
    for round in 1..=2 {
        let victim = told.master.eventually_has(1)[0];
        kill_worker(victim);
        told.eventually("its successor serves", |json| {
            at(json, "workers.0.status") == "idle" && *at(json, "workers.0.pid") != victim
        });
        told.master.get("/");
        let want = f64::from(5 + round);
        let json = told.eventually("all are counted", |json| number(json, "workers.0.requests") == want);
        assert_eq!(number(&json, "workers.0.respawn_count"), f64::from(1 + round));
        assert_eq!(number(&json, "workers.0.delta_requests"), 1.0);
        assert_eq!(number(&json, "tidegate.listeners.0.accepted"), want);
    }
}

#[test]
fn reloads_and_timeouts_are_told() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let told = Told::start(&["--workers", "1", "--timeout", &timeout]);
        assert!(at(&told.json(), "tidegate.last_reload_began").is_null());
        told.master.signal(Signal::SIGHUP);
        let json = told.eventually("a reload", |json| !at(json, "tidegate.last_reload_ended").is_null());
        let began = number(&json, "tidegate.last_reload_began");
        assert!(
            number(&json, "tidegate.started") <= began
                && began <= number(&json, "tidegate.last_reload_ended")
        );
        assert_eq!(
            (number(&json, "tidegate.reloads"), number(&json, "tidegate.reload_failures")),
            (1.0, 0.0)
        );
        told.master.write_version("broken");
        told.master.signal(Signal::SIGHUP);
        told.eventually("a failed reload", |json| number(json, "tidegate.reload_failures") == 1.0);
        told.master.write_version("three");
        assert_eq!(told.master.get("/loop").status, 504);
        told.eventually("a timeout", |json| number(json, "workers.0.harakiri_count") == 1.0);
    });
}

#[test]
fn a_new_master_tells_on_the_same_address() {
    for address in ["127.0.0.1:0", "FOLDER/stats"] {
        let told = Told::at(address, &["--workers", "1"]);
        (0..5).for_each(|_| drop(told.master.get("/")));
        told.master.replace(Signal::SIGUSR2);
        let json = told.eventually("a worker", |json| at(json, "workers.0.status") == "idle");
        assert_eq!(*at(&json, "pid"), told.master.pid());
        assert_eq!(number(&json, "tidegate.reloads"), 1.0);
        told.eventually("what was counted before", |json| number(json, "workers.0.requests") == 5.0);
    }
}
