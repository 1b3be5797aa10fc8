//! Workers that come and go under a load that keeps its connections: no request fails, and most of the rate is left.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::master::Master;
use crate::reader::Told;
use crate::support::eventually;
use crate::support::longer_times::with_longer_times;
use crate::support::nginx::Nginx;

/// HTTP first and uwsgi last: a connection that the first has left open must not hold up the last.
const PROTOCOLS: [&str; 3] = ["http", "fastcgi", "uwsgi"];
const SECONDS: u32 = 3;
const POST: &str = "wrk.method = 'POST'\nwrk.body = string.rep('x', 1000)\n";

#[test]
fn reloads_and_retirement_fail_no_request_and_leave_the_rate() {
    const ROUNDS: usize = 5;
    for round in 1..=ROUNDS {
        let quiet = runs(&["--workers", "4"], false);
        let busy = runs(&["--workers", "4", "--max-requests", "2000"], true);
        let wrong = quiet.iter().zip(&busy).find_map(|(quiet, busy)| {
            println!("{}: {quiet:?} and {busy:?} with reloads and retirement", quiet.protocol);
            let is_slow = busy.rate < quiet.rate / 10.0;
            let failures = quiet.failures.as_ref().or(busy.failures.as_ref());
            failures.cloned().or(is_slow.then(|| format!("{}: hardly any rate is left", quiet.protocol)))
        });
        let Some(wrong) = wrong else { return };
        let stall = quiet.iter().chain(&busy).map(|run| run.stall).max().unwrap();
        assert!(stall > STALL && round < ROUNDS, "{wrong}\nnginx answered within {stall:?}");
        println!("once more, as nginx had no processor for {stall:?}: {wrong}");
    }
}

/// Two servers behind one nginx, of which one stops and comes back again and again. A kept connection that the stop would
/// wait for would keep it for all of --grace.
#[test]
fn stops_under_load_fail_no_request_and_wait_for_no_kept_connection() {
    // nginx, too, may have no processor when it should see that a connection is closed.
    with_longer_times(|_| stops_under_load());
}

fn stops_under_load() {
    for drain in [&["--drain", "0.2"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("unix:{}/{name}", folder.path().display());
        let start = |name: &str| {
            let (http, fastcgi) = (at(&format!("{name}-http")), at(&format!("{name}-fastcgi")));
            let args = ["--workers", "2", "--grace", "600", "--http", &http, "--fastcgi", &fastcgi];
            Told::start(&[&args, drain].concat())
        };
        let _stays = start("stays");
        let nginx =
            Nginx::serving(&TWO_SERVERS.replace("AT_", &at("")).replace("ROOT", env!("CARGO_MANIFEST_DIR")));
        let script = folder.path().join("post.lua");
        fs::write(&script, POST).unwrap();
        for protocol in ["http", "fastcgi"] {
            thread::scope(|scope| {
                let load = scope.spawn(|| wrk(&script, &format!("http://{}/{protocol}/", nginx.remote.name)));
                let mut stops = 0;
                while !load.is_finished() {
                    let mut leaves = start("leaves");
                    eventually("it is asked", || load.is_finished() || answered(&leaves) > 50);
                    leaves.master.signal(Signal::SIGTERM);
                    assert_eq!(leaves.master.wait().code(), Some(0));
                    stops += 1;
                }
                let (rate, failures) = load.join().unwrap();
                println!("{protocol}, {drain:?}: {rate} requests a second, {stops} stops");
                assert!(failures.is_none() && stops > 1, "{failures:?}");
            });
        }
    }
}

fn answered(told: &Told) -> u64 {
    let workers = told.json();
    workers["workers"].as_array().unwrap().iter().map(|worker| worker["requests"].as_u64().unwrap()).sum()
}

/// A worker that leaves waits for 250 ms for what a front end may have sent already on a connection that is kept. One that
/// has no processor for a good part of that may send it too late: that is a busy machine, and no mistake of the worker's.
const STALL: Duration = Duration::from_millis(80);

/// What came of a load by one protocol.
#[derive(Debug)]
struct Run {
    protocol: &'static str,
    /// Requests a second.
    rate: f64,
    /// What wrk says of requests that failed.
    failures: Option<String>,
    /// The longest that nginx took to answer by itself.
    stall: Duration,
}

/// A load by each protocol in turn; with a SIGHUP each 0.3 s if it `reloads`.
#[track_caller]
fn runs(args: &[&str], reloads: bool) -> [Run; 3] {
    let remotes = ["--http", "FOLDER/http", "--fastcgi", "FOLDER/fastcgi"];
    let master = Master::start(&[args, &remotes].concat());
    let at = |name: &str| format!("unix:{}", master.folder.path().join(name).display());
    let nginx = Nginx::serving(
        &SITE
            .replace("AT_HTTP", &at("http"))
            .replace("AT_FASTCGI", &at("fastcgi"))
            .replace("AT_UWSGI", &master.remote.name),
    );
    let script = master.folder.path().join("post.lua");
    fs::write(&script, POST).unwrap();
    let runs = PROTOCOLS.map(|protocol| {
        thread::scope(|scope| {
            let load = scope.spawn(|| wrk(&script, &format!("http://{}/{protocol}/", nginx.remote.name)));
            let (mut reloaded, mut stall) = (Instant::now(), Duration::ZERO);
            while !load.is_finished() {
                if reloads && reloaded.elapsed() > Duration::from_millis(300) {
                    master.signal(Signal::SIGHUP);
                    reloaded = Instant::now();
                }
                let asked = Instant::now();
                nginx.get("/nginx").assert_status(404);
                stall = stall.max(asked.elapsed());
                thread::sleep(Duration::from_millis(5));
            }
            let (rate, failures) = load.join().unwrap();
            Run { protocol, rate, failures, stall }
        })
    });
    if reloads {
        master.says("the new code serves");
        master.says(" requests (--max-requests), once its successor serves");
    }
    runs
}

/// Asks for a while on 16 connections; returns the rate, and what is said if an answer was no 200 or did not come.
#[track_caller]
fn wrk(script: &Path, url: &str) -> (f64, Option<String>) {
    let mut command = Command::new("wrk");
    command
        .args(["-t", "1", "-c", "16", "-d", &format!("{SECONDS}s"), "--timeout", "60s", "-s"])
        .arg(script)
        .arg(url);
    let output = command.stdin(Stdio::null()).output().expect("wrk is not installed: run make setup");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let has_failed = text.contains("Non-2xx") || text.contains("Socket errors");
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = rate.unwrap_or_else(|| panic!("no rate in {text}")).trim().parse().unwrap();
    (rate, has_failed.then(|| format!("{url}: {text}")))
}

const SITE: &str = "
    upstream by_http { server AT_HTTP; keepalive 32; }
    upstream by_fastcgi { server AT_FASTCGI; keepalive 32; }
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:NGINX_PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection '';
        location /http/ { proxy_pass http://by_http; }
        location /fastcgi/ { include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass by_fastcgi; }
        location /uwsgi/ { include PARAMS; uwsgi_pass AT_UWSGI; }
    }
";

/// With this repository's fastcgi_params. One that is not there is asked again at the next request.
const TWO_SERVERS: &str = "
    upstream by_http { server AT_stays-http max_fails=0; server AT_leaves-http max_fails=0; keepalive 32; }
    upstream by_fastcgi { server AT_stays-fastcgi max_fails=0; server AT_leaves-fastcgi max_fails=0; keepalive 32; }
    keepalive_requests 1000000;
    server {
        listen 127.0.0.1:NGINX_PORT;
        proxy_http_version 1.1;
        proxy_set_header Connection '';
        location /http/ { proxy_pass http://by_http; }
        location /fastcgi/ { include ROOT/fastcgi_params; fastcgi_keep_conn on; fastcgi_pass by_fastcgi; }
    }
";
