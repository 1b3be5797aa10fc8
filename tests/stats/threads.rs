//! Threads of the application as they are told: how many are busy, what each is in, and what waits for one.

use serde_json::Value;

use crate::reader::{Told, at, number};
use crate::support::client::{Response, get};
use crate::support::longer_times::with_longer_times;
use crate::top::top;

/// Lets all calls of /held go, those that come later too.
fn let_go(told: &Told) {
    std::fs::write(told.master.folder.path().join("version-open"), "").unwrap();
}

fn waited(json: &Value) -> u64 {
    let counts = at(json, "tidegate.totals.waiting_counts").as_array().unwrap();
    counts.iter().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn busy_threads_and_requests_that_wait_are_told_in_each_view_until_all_is_idle() {
    const WAITING: usize = 6;
    let told = Told::start(&["--workers", "2", "--threads", "2"]);
    let is_idle = |json: &Value| {
        (0..2).all(|worker| {
            let threads = at(json, &format!("workers.{worker}.tidegate.threads"));
            at(json, &format!("workers.{worker}.status")) == "idle"
                && *threads == serde_json::json!({ "busy": 0, "idle": 2, "late": 0 })
        })
    };
    let json = told.eventually("all are idle", is_idle);
    assert_eq!((number(&json, "tidegate.waiting"), waited(&json)), (0.0, 0));

    let held: Vec<_> =
        (0..4 + WAITING).map(|at| told.master.remote.send(get(&format!("/held-{at}")))).collect();
    let json = told.eventually("all threads are busy, and the others wait", |json| {
        (0..2).all(|worker| {
            let ours = format!("workers.{worker}.tidegate.threads");
            number(json, &format!("{ours}.busy")) == 2.0 && number(json, &format!("{ours}.idle")) == 0.0
        }) && number(json, "tidegate.waiting") == WAITING as f64
    });
    assert_eq!(number(&json, "tidegate.in_flight"), (4 + WAITING) as f64);
    let mut requests = Vec::new();
    for worker in 0..2 {
        let worker = at(&json, &format!("workers.{worker}"));
        assert_eq!(at(worker, "status"), "busy");
        assert_eq!(at(worker, "tidegate.processes.0.doing"), "in the application's call");
        assert_eq!(at(worker, "tidegate.processes.0.running").as_array().unwrap().len(), 2);
        let cores = at(worker, "cores").as_array().unwrap();
        assert_eq!(cores.len(), 2);
        for (id, core) in cores.iter().enumerate() {
            assert_eq!((number(core, "id"), number(core, "in_request")), (id as f64, 1.0));
            requests.push(at(core, "req_info.request").as_str().unwrap().to_owned());
        }
    }
    // Each stands once.
    requests.sort();
    requests.dedup();
    assert!(requests.len() == 4 && requests.iter().all(|one| one.starts_with("GET /held-")), "{requests:?}");
    let metrics = told.metrics();
    for worker in 1..=2 {
        for (state, count) in [("busy", 2), ("idle", 0), ("late", 0)] {
            let line = format!("tidegate_threads{{worker=\"{worker}\",state=\"{state}\"}} {count}\n");
            assert!(metrics.contains(&line), "{line}{metrics}");
        }
    }
    let text = String::from_utf8(top(&[&told.remote.name]).stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[2].starts_with(&format!("threads 4/4 busy  waiting {WAITING}  waited avg ")), "{text}");
    let columns: Vec<&str> = lines[5].split_whitespace().collect();
    assert_eq!(columns[5..7], ["THREADS", "WAIT"], "{text}");
    for line in &lines[6..8] {
        assert_eq!(line.split_whitespace().nth(5), Some("2/2"), "{text}");
        assert!(line.contains("GET /held-") && line.ends_with(" and 1 more"), "{text}");
    }
    told.eventually("they are busy though no loop has anything to do", |json| {
        (0..2).all(|worker| number(json, &format!("workers.{worker}.tidegate.busy")) > 0.5)
    });

    let_go(&told);
    for client in &held {
        Response::read(client).assert_body("one");
    }
    let json = told.eventually("all are idle again", |json| {
        is_idle(json) && number(json, "tidegate.totals.requests") == (4 + WAITING) as f64
    });
    assert_eq!((number(&json, "tidegate.waiting"), number(&json, "tidegate.in_flight")), (0.0, 0.0));
    // One that came to a worker just as its threads became busy, and was passed on, has waited too.
    assert!(waited(&json) >= WAITING as u64, "{json}");
    assert!(number(&json, "tidegate.totals.waiting_seconds") > 0.0);
    let cores = (0..2).flat_map(|worker| at(&json, &format!("workers.{worker}.cores")).as_array().unwrap());
    let (mut requests, mut in_request) = (0.0, 0.0);
    for core in cores {
        requests += number(core, "requests");
        in_request += number(core, "in_request");
    }
    assert_eq!((requests, in_request), ((4 + WAITING) as f64, 0.0));
}

#[test]
fn a_request_that_waits_for_nothing_is_not_among_those_that_did() {
    let told = Told::start(&["--workers", "1", "--threads", "2"]);
    for _ in 0..20 {
        told.master.get("/");
    }
    let json = told.eventually("they are counted", |json| number(json, "tidegate.totals.requests") == 20.0);
    assert_eq!((waited(&json), number(&json, "tidegate.totals.waiting_seconds")), (0, 0.0));
    let without = Told::start(&["--workers", "1"]);
    without.master.get("/");
    let json = without.json();
    assert!(at(&json, "tidegate.threads").is_null() && at(&json, "workers.0.tidegate.threads").is_null());
    assert!(!without.metrics().contains("tidegate_threads{"));
}

#[test]
fn a_thread_that_does_not_come_back_is_told_as_late() {
    with_longer_times(|factor| {
        let timeout = (f64::from(factor) * 0.3).to_string();
        let told = Told::start(&["--workers", "1", "--threads", "2", "--timeout", &timeout]);
        // So the late one is there for a while.
        told.master.write_version("slow");
        let client = told.master.remote.send(get("/loop"));
        let json = told.eventually("it is late", |json| number(json, "tidegate.threads.late") == 1.0);
        let process = at(&json, "workers.0.tidegate.processes.0");
        assert_eq!(
            (at(process, "request"), at(process, "running.0.is_late")),
            (&"GET /loop".into(), &true.into())
        );
        assert_eq!(Response::read(&client).status, 504);
        told.eventually("its successor has none", |json| {
            number(json, "tidegate.threads.late") == 0.0 && number(json, "tidegate.threads.idle") == 2.0
        });
    });
}

#[test]
fn no_figure_is_a_negative_zero() {
    let told = Told::start(&["--workers", "2"]);
    // A number without a process has none that could be added up.
    told.master.write_version("broken");
    for pid in told.master.workers() {
        crate::reader::kill_worker(pid);
    }
    let json = told.eventually("a number without a process", |json| at(json, "workers.0.status") == "cheap");
    assert!(!json.to_string().contains("-0"), "{json}");
    told.eventually("the metrics of a number without a process", |_| {
        let metrics = told.metrics();
        assert!(!metrics.contains(" -0\n"), "{metrics}");
        metrics.contains("tidegate_worker_resident_memory_bytes{worker=\"1\"} 0\n")
    });
}
