use std::sync::Arc;
use std::thread;

use super::*;

const PATIENCE: Duration = Duration::from_millis(1);

#[test]
fn who_laid_it_down_takes_it_back() {
    let lead: Lead<u8, (), ()> = Lead::new(1, false);
    lead.lay_down(7, true);
    assert_eq!(lead.take_back(), Some(7));
    assert_eq!(lead.take_back(), None);
}

#[test]
fn what_is_offered_is_for_one_thread() {
    let lead: Lead<u8, u8, ()> = Lead::new(2, false);
    lead.offer(1, 7);
    assert_eq!(lead.take_back(), None);
    lead.post(0, 5);
    assert!(matches!(lead.next(0, None), Duty::Run(5)));
    assert!(matches!(lead.next(1, None), Duty::Drive(7)));
    lead.end();
    assert!(matches!(lead.next(0, None), Duty::Leave));
    assert_eq!(lead.watch(PATIENCE, || (), || false), None);
}

#[test]
fn an_eager_thread_takes_what_lies_there() {
    let lead: Arc<Lead<u8, u8, ()>> = Arc::new(Lead::new(2, true));
    let follower = thread::spawn({
        let lead = Arc::clone(&lead);
        move || match lead.next(1, None) {
            Duty::Drive(event_loop) => event_loop,
            Duty::Run(_) | Duty::Look | Duty::Leave => panic!("nobody gave that"),
        }
    });
    while !lead.lock().sleeping[1] {
        thread::yield_now();
    }
    lead.lay_down(7, true);
    assert_eq!(follower.join().unwrap(), 7);
    assert_eq!(lead.take_back(), None);
    // One that comes later finds it too, unless it is another's.
    lead.lay_down(8, true);
    assert!(matches!(lead.next(0, None), Duty::Drive(8)));
    lead.offer(1, 9);
    lead.post(0, 5);
    assert!(matches!(lead.next(0, None), Duty::Run(5)));
    assert!(matches!(lead.next(1, None), Duty::Drive(9)));
}

#[test]
fn who_waits_for_long_looks_around() {
    let lead: Lead<u8, u8, ()> = Lead::new(1, true);
    assert!(matches!(lead.next(0, Some(PATIENCE)), Duty::Look));
    lead.post(0, 5);
    assert!(matches!(lead.next(0, Some(PATIENCE)), Duty::Run(5)));
}

#[test]
fn who_takes_the_loop_up_finds_the_reports_of_which_nobody_was_told() {
    let lead: Lead<u8, (), u8> = Lead::new(2, true);
    assert_eq!(lead.report(1), None, "somebody drives");
    lead.lay_down(7, true);
    assert_eq!(lead.report(2), None, "it lies there for who asks for reports");
    assert_eq!(lead.take_back(), Some(7));
    assert!(lead.has_reports());
    assert_eq!(lead.reports(), [1, 2]);
    assert!(!lead.has_reports());
}

#[test]
fn who_reports_while_the_driver_sleeps_has_the_loop_meanwhile() {
    let lead: Arc<Lead<u8, (), u8>> = Arc::new(Lead::new(2, false));
    assert_eq!(lead.report(1), None, "somebody drives");
    assert_eq!(lead.set_free(7), Some(7), "something is reported, and nobody would take it in");
    assert_eq!(lead.reports(), [1]);
    assert_eq!(lead.set_free(7), None);
    assert_eq!(lead.report(2), Some(7));
    assert_eq!(lead.report(3), None, "another has it");
    let driver = thread::spawn({
        let lead = Arc::clone(&lead);
        move || lead.take_again(None).0
    });
    while !lead.lock().driver_waits {
        thread::yield_now();
    }
    assert_eq!(lead.set_free(8), None, "the driver takes in what is reported");
    assert_eq!(lead.report(4), None, "the driver is not overtaken");
    assert_eq!(driver.join().unwrap(), 8);
    assert_eq!(lead.reports(), [2, 3, 4]);
}

#[test]
fn a_driver_that_sleeps_finds_what_it_was_given() {
    let lead: Lead<u8, u8, ()> = Lead::new(2, true);
    assert_eq!(lead.set_free(7), None);
    assert_eq!(lead.report(()), Some(7));
    assert_eq!(lead.reports(), [()]);
    lead.post(1, 5);
    assert_eq!(lead.set_free(7), None);
    assert_eq!(lead.take_again(Some(1)), (7, Some(5)));
    assert_eq!(lead.set_free(7), None);
    assert_eq!(lead.take_again(Some(1)), (7, None));
}

#[test]
fn every_report_is_taken_in_once_while_the_driver_sleeps_and_wakes() {
    const REPORTS: u32 = 2_000;
    const THREADS: u32 = 3;
    let lead: Arc<Lead<Vec<u32>, (), u32>> = Arc::new(Lead::new(1, false));
    let reporters: Vec<_> = (0..THREADS)
        .map(|number| {
            let lead = Arc::clone(&lead);
            thread::spawn(move || {
                for report in 0..REPORTS {
                    let mut taken = lead.report(number * REPORTS + report);
                    while let Some(mut seen) = taken {
                        seen.extend(lead.reports());
                        taken = lead.set_free(seen);
                    }
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    while seen.len() < (REPORTS * THREADS) as usize {
        seen.extend(lead.reports());
        seen = match lead.set_free(seen) {
            Some(seen) => seen,
            None => lead.take_again(None).0,
        };
    }
    reporters.into_iter().for_each(|reporter| reporter.join().unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (0..REPORTS * THREADS).collect::<Vec<_>>());
}

#[test]
fn one_thread_at_a_time_drives_though_all_are_eager() {
    const ROUNDS: usize = 2_000;
    const THREADS: usize = 4;
    let lead: Arc<Lead<Vec<usize>, (), ()>> = Arc::new(Lead::new(THREADS, true));
    let followers = [0, 1, 2, 3].map(|number| {
        let lead = Arc::clone(&lead);
        thread::spawn(move || {
            while let Duty::Drive(mut driven) = lead.next(number, None) {
                let round = driven.len();
                if round == ROUNDS {
                    lead.lay_down(driven, true);
                    return lead.end();
                }
                driven.push(number);
                lead.lay_down(driven, true);
                if round.is_multiple_of(50) {
                    thread::sleep(Duration::from_micros(100));
                }
            }
        })
    });
    lead.lay_down(Vec::new(), true);
    followers.into_iter().for_each(|follower| follower.join().unwrap());
    let driven = lead.take_back().unwrap();
    assert_eq!(driven.len(), ROUNDS);
    assert!((0..THREADS).filter(|number| driven.contains(number)).count() > 1, "one has driven alone");
}

#[test]
fn one_thread_at_a_time_drives() {
    const ROUNDS: u32 = 2_000;
    let lead: Arc<Lead<Vec<u32>, (), ()>> = Arc::new(Lead::new(1, false));
    let watcher = thread::spawn({
        let lead = Arc::clone(&lead);
        move || {
            while let Some(mut driven) = lead.watch(Duration::from_micros(10), || (), || false) {
                driven.push(0);
                lead.offer(0, driven);
            }
        }
    });
    let mut driven = Vec::new();
    for round in 1..=ROUNDS {
        driven.push(round);
        lead.lay_down(driven, true);
        if round % 50 == 0 {
            thread::sleep(Duration::from_micros(100));
        }
        driven = match lead.take_back() {
            Some(driven) => driven,
            None => match lead.next(0, None) {
                Duty::Drive(driven) => driven,
                Duty::Run(()) | Duty::Look | Duty::Leave => panic!("nobody gave that"),
            },
        };
    }
    lead.end();
    watcher.join().unwrap();
    let mine: Vec<u32> = driven.iter().copied().filter(|round| *round > 0).collect();
    assert_eq!(mine, (1..=ROUNDS).collect::<Vec<_>>());
    assert!(driven.contains(&0), "the watcher never drove");
}
