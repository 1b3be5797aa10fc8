//! What load balancers and Kubernetes ask: /ready and /live.

use nix::sys::signal::Signal;
use tidegate::ProtocolName;

use crate::reader::{Told, kill_worker};
use crate::support::client::{Response, get};
use crate::support::eventually;

/// The status and the sentence.
fn asked(told: &Told, path: &str) -> (u16, String) {
    let response = told.http(path);
    (response.status, response.text().trim_end().to_owned())
}

#[test]
fn it_is_ready_while_workers_serve() {
    let told = Told::start(&["--workers", "2"]);
    assert_eq!(asked(&told, "/ready"), (200, "ready: 2 of 2 workers serve".to_owned()));
    assert_eq!(asked(&told, "/live"), (200, "live: 2 of 2 workers serve".to_owned()));
    // New code that does not load takes nobody away.
    told.master.write_version("broken");
    told.master.signal(Signal::SIGHUP);
    told.master.says("the old serves on");
    assert_eq!(asked(&told, "/ready").0, 200);
    // Nor can it take the place of workers that have died.
    told.master.workers().into_iter().for_each(kill_worker);
    eventually("none serves", || asked(&told, "/ready").0 == 503);
    assert_eq!(asked(&told, "/ready").1, "not ready: 0 of 2 workers serve; the log says why");
    assert_eq!(asked(&told, "/live").0, 200);
    told.master.write_version("mended");
    eventually("they serve again", || asked(&told, "/ready").0 == 200);
}

#[test]
fn it_is_not_ready_while_it_stops() {
    let told = Told::start(&["--threads", "2", "--grace", "60"]);
    let held = told.master.remote.send(get("/held"));
    eventually("it is held", || told.json()["tidegate"]["in_flight"] == 1);
    told.master.signal(Signal::SIGTERM);
    eventually("it stops", || asked(&told, "/ready").0 == 503);
    assert!(asked(&told, "/ready").1.starts_with("stopping: "));
    assert_eq!(asked(&told, "/live").0, 200);
    std::fs::write(told.master.folder.path().join("version-open"), "").unwrap();
    Response::read(held).assert_status(200);
}

#[test]
fn who_asks_the_wrong_port_is_told() {
    let told = Told::start(&["--fastcgi", "127.0.0.1:0", "--scgi", "127.0.0.1:0"]);
    let others = [ProtocolName::Fastcgi, ProtocolName::Scgi].map(|protocol| told.master.tcp(protocol));
    for port in others.iter().chain([&told.master.remote]) {
        let response = port.ask("GET /ready HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.34\r\n\r\n");
        response.assert_status(400);
        assert!(response.text().contains("probes and metrics are asked at the statistics' own address"));
    }
    for (path, status) in [("/healthz", 404), ("/shop", 404)] {
        let response = told.http(path);
        response.assert_status(status);
        assert!(response.text().contains("/ready and /live for probes"), "{}", response.text());
    }
    let response = told.remote.ask(get("/ready"));
    response.assert_status(400);
    assert!(response.text().contains("here are the statistics and probes"), "{}", response.text());
}
