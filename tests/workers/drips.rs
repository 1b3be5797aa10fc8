//! Clients that drip: a byte of a head now and then keeps no worker from its work.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::master::Master;
use crate::support::client::{Remote, get};
use crate::support::longer_times::with_longer_times;

#[test]
fn clients_that_drip_leave_the_others_most_of_the_rate() {
    with_longer_times(|factor| {
        let time = factor * Duration::from_millis(500);
        let master = Master::start(&["--workers", "2"]);
        let alone = rate(&master.remote, time);
        let (over, drips) = (AtomicBool::new(false), AtomicUsize::new(0));
        let beside = thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        drip(&master.remote);
                        drips.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            let beside = rate(&master.remote, time);
            over.store(true, Ordering::Relaxed);
            beside
        });
        let drips = drips.into_inner();
        println!("{alone} requests alone, {beside} beside {drips} connections that drip");
        // 1 in 100 without the pause; the clients take their part of the processors too.
        assert!(drips > 0 && beside > alone / 10, "{beside} of {alone} requests");
    });
}

/// Requests one after the other in this time, a count.
fn rate(remote: &Remote, time: Duration) -> usize {
    let (begin, mut count) = (Instant::now(), 0);
    while begin.elapsed() < time {
        remote.ask(get("/")).assert_body("one");
        count += 1;
    }
    count
}

/// Sends the beginning of a packet, a byte each 0.4 ms, for longer than a worker would wait.
fn drip(remote: &Remote) {
    let mut client = remote.connect();
    for byte in &get("/")[..20] {
        if client.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_micros(400));
    }
}
