//! Two servers, and a server beside its own past.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::known::{Answer, Known};
use crate::longer_times::with_longer_times;
use crate::process::{Done, PATIENCE, end_after, run, tidegate};
use crate::{bench, schema};

#[test]
fn a_difference_is_seen_and_none_is_not() {
    with_longer_times(|_| {
        let slow = Known::start(|_, _| Answer::After(Duration::from_millis(30)));
        let quick = Known::start(|_, _| Answer::After(Duration::from_millis(10)));
        let (slow, quick) = (format!("http://{}", slow.address), format!("http://{}", quick.address));
        let times = ["-c", "2", "-d", "2", "--warm-up", "0.1", "--rounds", "4"];
        let told = bench(&[&[slow.as_str(), "--vs", &quick], &times[..]].concat());
        let p50 = &told["compared"]["p50"];
        assert_eq!((told["a"].as_array().unwrap().len(), told["b"].as_array().unwrap().len()), (4, 4));
        assert!(p50["difference"] == true && (0.2..0.5).contains(&p50["ratio"].as_f64().unwrap()), "{p50}");
        let rate = &told["compared"]["requests a second"];
        assert!(
            rate["difference"] == true && (2.0..4.0).contains(&rate["ratio"].as_f64().unwrap()),
            "{rate}"
        );
        let done = run(&[&["bench", &slow, "--vs", &quick], &times[..]].concat());
        assert_eq!(done.code, Some(0));
        let text = done.text();
        assert!(text.contains("4 rounds, each in turns the first") && text.contains("B \u{f7} A"), "{text}");
        let p50 = text.lines().find(|line| line.starts_with("  p50 ")).unwrap();
        assert!(p50.ends_with("   B is better"), "{text}");
        let mut doubts = text.lines().filter(|line| line.starts_with("  doubt: "));
        assert!(doubts.all(|doubt| doubt.contains(" of 4 rounds, at worst: ")), "{text}");
    });
}

#[test]
fn a_run_stands_beside_an_earlier_one() {
    with_longer_times(|_| {
        let server = Known::start(|_, _| Answer::After(Duration::from_millis(10)));
        let address = format!("http://{}", server.address);
        let args = [address.as_str(), "-c", "2", "-d", "2", "--warm-up", "0"];
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("then.json");
        fs::write(&file, bench(&args).to_string()).unwrap();
        let slower = Known::start(|_, _| Answer::After(Duration::from_millis(40)));
        let slower = format!("http://{}", slower.address);
        let baseline = ["--baseline", file.to_str().unwrap()];
        let told = bench(&[&[slower.as_str()], &args[1..], &baseline[..]].concat());
        let p50 = &told["compared"]["p50"];
        assert!((3.0..5.0).contains(&p50["ratio"].as_f64().unwrap()), "{p50}");
        let done = run(&[&["bench"], &args[..], &baseline[..]].concat());
        assert!(done.text().contains("beside the earlier run against http://127.0.0.1:"), "{}", done.text());
        fs::write(&file, "{}").unwrap();
        let done = run(&[&["bench"], &args[..], &baseline[..]].concat());
        assert!(done.code == Some(1) && done.err.contains("is not the JSON of a run"), "{}", done.err);
    });
}

#[test]
fn rounds_that_are_cut_are_told_and_are_no_success() {
    let steady = Known::start(|_, _| Answer::After(Duration::ZERO));
    // One request goes first, and each round has 10.
    let failing = Known::start(|number, _| Answer::Status(if number > 30 { 503 } else { 200 }));
    let (steady, failing) = (format!("http://{}", steady.address), format!("http://{}", failing.address));
    let args = ["bench", &steady, "--vs", &failing, "-n", "100", "-c", "1", "--rounds", "10"];
    let done = run(&args);
    assert_eq!(done.code, Some(1));
    assert!(done.text().contains("3 rounds, each in turns the first"), "{}", done.text());
    let why =
        format!("tidegate: the run ended early, after 3 rounds: {failing} answered no request in round 4\n");
    assert_eq!(done.err, why);
}

/// Has Ctrl-C end the command when `server` has been asked so often.
fn interrupted(command: Command, server: &Known, asked: u64) -> Done {
    end_after(command, b"", |pid| {
        let deadline = Instant::now() + PATIENCE;
        while server.asked() < asked {
            assert!(Instant::now() < deadline, "it was asked {} times", server.asked());
            thread::sleep(Duration::from_millis(2));
        }
        kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
    })
}

#[test]
fn rounds_too_few_for_a_ratio_are_told_of_each_side() {
    // One request goes first, and each round has 10. The last one is on its way when Ctrl-C comes.
    let rule = |number, _| if number > 15 { Answer::Never } else { Answer::After(Duration::ZERO) };
    let args = |a: &Known, b: &Known| {
        let (a, b) = (format!("http://{}", a.address), format!("http://{}", b.address));
        ["bench", &a, "--vs", &b, "-n", "100", "-c", "1", "--rounds", "10"].map(str::to_owned).to_vec()
    };
    let steady = Known::start(|_, _| Answer::After(Duration::ZERO));
    let stuck = Known::start(|number, _| if number > 5 { Answer::Never } else { Answer::Status(200) });
    let done = interrupted(tidegate(args(&stuck, &steady)), &stuck, 7);
    let text = done.text();
    assert_eq!(done.code, Some(1));
    let (a, b) = text.split_once("\n\nB  http://").unwrap_or_else(|| panic!("{text}"));
    assert!(a.contains("requests    5 in ") && a.ends_with("  ended early: interrupted"), "{text}");
    let end = "\n  nothing was measured\n\nno ratio can be told: it takes two rounds of both\n";
    assert!(b.ends_with(end) && !text.contains("B \u{f7} A"), "{text}");
    let line = format!(
        "tidegate: the run ended early, before both were measured: http://{} in round 1: interrupted\n",
        stuck.address
    );
    assert_eq!(done.err, line);
    // B is the first in the second round.
    let stuck = Known::start(rule);
    let done = interrupted(tidegate(args(&steady, &stuck)), &stuck, 17);
    let text = done.text();
    for line in
        ["requests    10 in ", "requests    5 in ", "  ended early: interrupted\n", "no ratio can be told"]
    {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(done.err.contains(" ended early, after 1 round: http://"), "{}", done.err);
    // A program is told the same.
    let stuck = Known::start(rule);
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html").display().to_string();
    let more = ["--json".to_owned(), "--html".to_owned(), page.clone()];
    let done = interrupted(tidegate([args(&steady, &stuck), more.to_vec()].concat()), &stuck, 17);
    let told: Value = serde_json::from_slice(&done.out).unwrap();
    schema::holds(&told);
    let requests =
        |side: &str| told[side].as_array().unwrap().iter().map(|run| run["requests"].clone()).collect();
    let (a, b): (Vec<Value>, Vec<Value>) = (requests("a"), requests("b"));
    assert_eq!((a, b), (vec![json!(10)], vec![json!(10), json!(5)]), "{told:#}");
    assert_eq!((&told["compared"], &told["b"][1]["cut"]), (&json!({}), &json!("interrupted")));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("no ratio can be told") && page.ends_with("</html>\n"), "{page}");
}
