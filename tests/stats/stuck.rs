//! A worker that is stuck can be read, and so can the queue in front of it.

use crate::reader::{Told, at, number};
use crate::support::client::{Remote, Response, get};

#[test]
fn a_worker_that_never_returns_tells_what_it_is_in() {
    let told = Told::start(&["--workers", "1"]);
    let _client = told.master.remote.send(get("/loop"));
    let json =
        told.eventually("it is in the request", |json| number(json, "workers.0.cores.0.in_request") == 1.0);
    assert_eq!(
        (at(&json, "workers.0.status"), number(&json, "workers.0.tidegate.in_flight")),
        (&"busy".into(), 1.0)
    );
    assert_eq!(at(&json, "workers.0.cores.0.req_info.request"), "GET /loop");
    let stuck = "workers.0.tidegate.processes.0.stuck_seconds";
    let json = told.eventually("it is seen stuck", |json| {
        number(json, stuck) > 0.5 && number(json, "workers.0.tidegate.busy") > 0.5
    });
    let process = at(&json, "workers.0.tidegate.processes.0");
    assert_eq!(
        (at(process, "doing"), at(process, "request")),
        (&"in the application's call".into(), &"GET /loop".into())
    );
    let busy = number(&json, "workers.0.tidegate.totals.busy_seconds");
    assert!(busy >= number(&json, stuck), "{json}");
    assert!(told.metrics().contains("tidegate_requests_in_flight{worker=\"1\"} 1\n"));
}

#[test]
fn busy_time_never_falls_as_a_long_request_ends() {
    let told = Told::start(&["--workers", "1"]);
    let client = told.master.remote.send(get("/sleep?1500"));
    let mut last = 0.0;
    let over = |json: &_| {
        let busy = number(json, "workers.0.tidegate.totals.busy_seconds");
        (busy, number(json, "workers.0.requests") > 0.0)
    };
    loop {
        let (busy, is_over) = over(&told.json());
        assert!(busy >= last, "{busy} after {last}");
        last = busy;
        if is_over {
            break;
        }
    }
    Response::read(&client).assert_body("one");
    assert!((1.4..10.0).contains(&last), "{last}");
}

#[test]
fn the_backlog_in_front_of_it_is_told_for_tcp_and_for_unix_sockets() {
    let told = Told::start(&["--workers", "1", "--backlog", "3", "--http", "127.0.0.1:0"]);
    let line = told.master.says("Listening on http://");
    let tcp = Remote::at(line.split("http://").nth(1).unwrap().trim_end_matches('/'));
    let _stuck = told.master.remote.send(get("/loop"));
    told.eventually("it is stuck", |json| number(json, "workers.0.cores.0.in_request") == 1.0);
    let _waiting: Vec<_> = (0..2).map(|_| (told.master.remote.connect(), tcp.connect())).collect();
    let json = told.eventually("they wait", |json| number(json, "listen_queue") == 4.0);
    for at in 0..2 {
        assert_eq!(number(&json, &format!("sockets.{at}.queue")), 2.0);
        assert_eq!(number(&json, &format!("sockets.{at}.max_queue")), 3.0);
        assert_eq!(number(&json, &format!("tidegate.listeners.{at}.backlog")), 2.0);
    }
    assert_eq!(number(&json, "listen_queue_errors"), 0.0);
    let _last = told.master.remote.connect();
    told.eventually("it is seen full", |json| number(json, "listen_queue_errors") > 0.0);
    let metrics = told.metrics();
    assert!(metrics.contains("tidegate_listener_backlog{listener=\"1\",protocol=\"uwsgi\""), "{metrics}");
}
