//! Outputs that cannot be written, each with what it costs: lines, and no request.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::disk;
use crate::master::{Master, wrap};
use crate::support::client::post;
use crate::support::{PATIENCE, eventually};

/// Blocks of the disk are 4 KiB, so that a line is torn in two where its file's last block ends.
const DISK: &str = "64k";

/// That a file has whole lines of the log's form, or of the access log's, and what is torn only as the beginning of one.
#[track_caller]
fn assert_whole_but_for(text: &str, torn_max: usize, is_whole: impl Fn(&str) -> bool) {
    assert!(text.ends_with('\n'), "{text}");
    let torn: Vec<&str> = text.lines().filter(|line| !is_whole(line)).collect();
    assert!(torn.len() <= torn_max && torn.iter().all(|line| line.matches("Z ").count() < 2), "{torn:?}");
}

fn is_access(line: &str) -> bool {
    line.starts_with("20") && line.split(' ').count() == 8
}

#[test]
fn an_access_log_whose_disk_is_full_goes_on_when_there_is_room() {
    let master = Master::spawn(&["--workers", "2", "--access-log-file", "disk/access"], |command| {
        disk::mount(command, DISK, "");
    });
    let access = disk::path(&master, "access");
    let read = || fs::read_to_string(&access).unwrap();
    for round in 1..=2 {
        master.get("/before").assert_body("one");
        eventually("its line", || read().matches("/before").count() == round);
        disk::fill(&master);
        // The last block of the file has room for some.
        let losses = || master.count("the access log: lines are lost, 1 so far: No space left on device");
        let before = losses();
        eventually("it is full", || {
            master.get("/full").assert_body("one");
            losses() > before
        });
        for _ in 0..20 {
            master.get("/full").assert_body("one");
        }
        assert!(losses() <= before + 2, "once for each worker");
        disk::clear(&master);
        let again = master.count("the access log: it is written again; ");
        eventually("it is written again", || {
            master.get("/after").assert_body("one");
            master.count("the access log: it is written again; ") > again
        });
        assert_whole_but_for(&read(), 2 * round, is_access);
        // What is said of it every 10 s is said in the next round too, by other workers.
        master.signal(Signal::SIGHUP);
        eventually("a new load", || master.count(" ms after it was started") == 2 + 2 * round);
    }
}

#[test]
fn an_access_log_is_opened_anew_after_its_disk_was_full() {
    let master = Master::spawn(&["--access-log-file", "disk/access"], |command| {
        disk::mount(command, DISK, "");
    });
    disk::fill(&master);
    eventually("it is full", || {
        master.get("/").assert_body("one");
        master.count("the access log: lines are lost, 1 so far") > 0
    });
    let (access, old) = (disk::path(&master, "access"), disk::path(&master, "old"));
    fs::rename(&access, &old).unwrap();
    disk::clear(&master);
    master.signal(Signal::SIGUSR1);
    eventually("the new file", || access.exists());
    eventually("its line", || {
        master.get("/new").assert_body("one");
        fs::read_to_string(&access).unwrap().contains("/new")
    });
    assert_whole_but_for(&fs::read_to_string(&access).unwrap(), 0, is_access);
    master.says("the access log: it is written again; ");
}

#[test]
fn a_log_file_whose_disk_is_full_goes_on_when_there_is_room() {
    let master = Master::spawn(&["--workers", "2", "--log-file", "disk/log"], |command| {
        disk::mount(command, DISK, "");
    });
    let log = disk::path(&master, "log");
    let read = || fs::read_to_string(&log).unwrap();
    let is_line = |line: &str| line.starts_with("20") && line.contains("Z ") && !line.ends_with("an err");
    for round in 1..=2 {
        disk::fill(&master);
        let mut last = 0;
        eventually("it is full", || {
            for _ in 0..40 {
                master.get("/error").assert_status(500);
            }
            std::mem::replace(&mut last, read().len()) == read().len()
        });
        if round == 2 {
            fs::rename(&log, disk::path(&master, "old")).unwrap();
            master.signal(Signal::SIGUSR1);
            let stderr = |pid| fs::read_link(format!("/proc/{pid}/fd/2")).unwrap();
            let has_new = |pid: i32| stderr(pid).ends_with("disk/log");
            eventually("all have the new file", || master.workers().into_iter().all(has_new));
        }
        disk::clear(&master);
        eventually("it says so", || {
            master.get("/error").assert_status(500);
            read().contains(": the log: it is written again; ")
        });
        assert!(
            read().contains("; lines lost: ") && read().contains(" (No space left on device"),
            "{}",
            read()
        );
        assert_whole_but_for(&read(), if round == 1 { 1 } else { 0 }, is_line);
    }
}

#[test]
fn stdout_and_stderr_whose_disk_is_full_go_on_when_there_is_room() {
    // What stands on the disk is shown by tail(1).
    let script = "touch disk/out disk/err; tail -f disk/out disk/err 2>&1 & ";
    let master = Master::spawn(&["--access-log", "--trace"], |command| {
        wrap(command, &["sh", "-c", "exec \"$@\" >>disk/out 2>>disk/err", "sh"]);
        disk::mount(command, DISK, script);
    });
    master.get("/before").assert_body("one");
    master.says(" GET /before ");
    disk::fill(&master);
    let (out, err) = (disk::path(&master, "out"), disk::path(&master, "err"));
    let sizes = || [&out, &err].map(|file| fs::metadata(file).unwrap().len());
    let mut last = [0; 2];
    eventually("they are full", || {
        for _ in 0..40 {
            master.get("/error").assert_status(500);
        }
        std::mem::replace(&mut last, sizes()) == sizes()
    });
    disk::clear(&master);
    master.get("/error").assert_status(500);
    master.get("/after").assert_body("one");
    master.says("the trace: it is written again; ");
    master.says("the access log: it is written again; ");
    master.says("the log: it is written again; ");
    let lines = fs::read_to_string(out).unwrap();
    assert!(lines.lines().any(|line| is_access(line) && line.contains(" GET /after ")), "{lines}");
    assert!(lines.lines().all(|line| line.matches("#").count() < 2), "{lines}");
    assert_whole_but_for(&fs::read_to_string(err).unwrap(), 1, |line| line.starts_with("20"));
}

#[test]
fn what_is_beyond_the_largest_file_is_lost_and_ends_no_worker() {
    let master = Master::spawn(&["--access-log-file", "access", "--body-memory", "0"], |command| {
        wrap(command, &["bash", "-c", "ulimit -f 8; exec \"$@\"", "bash"]);
    });
    let worker = master.get("/pid").text();
    // In a temporary file, as there is no memory for it.
    master.remote.ask(post("/", &[b'.'; 200 << 10])).assert_status(500);
    eventually("the access log has its 8 KiB", || {
        master.get("/").assert_body("one");
        master.count("the access log: lines are lost, 1 so far: File too large") > 0
    });
    fs::remove_file(master.folder.path().join("access")).unwrap();
    master.signal(Signal::SIGUSR1);
    eventually("it is written again", || {
        master.get("/").assert_body("one");
        master.count("the access log: it is written again; ") > 0
    });
    assert_eq!(master.get("/pid").text(), worker);
}

/// Opens a FIFO, reads a line, and leaves.
fn read_one(path: PathBuf) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(File::open(path).unwrap()).read_line(&mut line).unwrap();
        let _ = sender.send(line);
    });
    receiver
}

#[test]
fn a_reader_that_leaves_a_fifo_is_said_once_and_the_next_one_is_heard() {
    let mut fifo = PathBuf::new();
    let mut reader = None;
    let master = Master::spawn(&["--access-log-file", "fifo"], |command| {
        fifo = command.get_current_dir().unwrap().join("fifo");
        mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
        reader = Some(read_one(fifo.clone()));
    });
    master.get("/first").assert_body("one");
    assert!(is_access(reader.unwrap().recv_timeout(PATIENCE).unwrap().trim_end()));
    for _ in 0..20 {
        master.get("/unread").assert_body("one");
    }
    master.says("the access log: nobody reads it any more: its lines are lost");
    // It has no reader yet: it is opened anew without waiting for one.
    master.signal(Signal::SIGUSR1);
    master.says("the log files are open anew");
    for _ in 0..20 {
        master.get("/unread").assert_body("one");
    }
    assert_eq!(master.count("nobody reads it any more"), 1);
    assert_eq!(master.count("cannot be opened anew"), 0);
    for (name, signals) in [("/second", false), ("/third", true)] {
        let reader = read_one(fifo.clone());
        if signals {
            master.signal(Signal::SIGUSR1);
        }
        let mut line = String::new();
        eventually("it is read", || {
            master.get(name).assert_body("one");
            reader.try_recv().map(|read| line = read).is_ok()
        });
        assert!(is_access(line.trim_end()) && line.contains(name), "{line}");
        eventually("it is said", || {
            master.get(name).assert_body("one");
            master.count("the access log: it is written again; ") > 0
        });
    }
}

fn reader_at(path: &Path) -> UnixDatagram {
    let _ = fs::remove_file(path);
    let reader = UnixDatagram::bind(path).unwrap();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    reader
}

/// The next line.
fn next_of(reader: &UnixDatagram) -> String {
    let mut seen = [0; 16 << 10];
    let count = reader.recv(&mut seen).unwrap();
    String::from_utf8_lossy(&seen[..count]).into_owned()
}

#[test]
fn what_is_printed_while_nobody_reads_the_log_is_counted_and_said() {
    let mut path = PathBuf::new();
    let mut reader = None;
    // A program beside the workers prints numbers: to the log, as the application would.
    let counter = "i=0; while :; do i=$((i+1)); echo tick $i; echo $i > FOLDER/i.new; mv FOLDER/i.new FOLDER/i; sleep 0.02; done";
    let mut master = Master::spawn(&["--log-file", "unix:socket", "--attach", counter], |command| {
        path = command.get_current_dir().unwrap().join("socket");
        reader = Some(reader_at(&path));
    });
    let number_of = |line: &str| line.trim_start_matches("tick ").parse::<u64>().unwrap();
    let printed = || {
        fs::read_to_string(master.folder.path().join("i")).map_or(0, |text| text.trim().parse().unwrap_or(0))
    };
    let reader_before = reader.take().unwrap();
    let mut ticks =
        std::iter::repeat_with(|| next_of(&reader_before)).filter(|line| line.starts_with("tick "));
    let before = number_of(&ticks.next().unwrap());
    drop(reader_before);
    // The socket is gone now, and its file stays; then it is another's.
    let last = printed().max(before);
    eventually("ten more lines", || printed() >= last + 10);
    let reader = reader_at(&path);
    let mut lines = vec![next_of(&reader)];
    while !lines.last().unwrap().contains("lines of stdout and stderr are lost: ") {
        lines.push(next_of(&reader));
    }
    let first = number_of(lines.iter().find(|line| line.starts_with("tick ")).unwrap());
    let said = lines.last().unwrap();
    assert!(
        said.contains(" WARN the log: ") && said.contains(" as nobody takes them (Connection refused"),
        "{said}"
    );
    let count = said.split("are lost: ").nth(1).unwrap().split(' ').next().unwrap();
    // It may have had some that were in its queue as it left.
    let count = count.parse::<u64>().unwrap();
    assert!(count < first - before && count >= 10, "{lines:?}");
    master.signal(Signal::SIGTERM);
    assert_eq!(master.wait().code(), Some(0));
}
