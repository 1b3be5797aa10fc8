//! The command with an application of one's own in Rust, and one that does whatever may go wrong.
//!
//! ```text
//! cargo run --example faulty -- serve ./version.txt --workers 2 --timeout 5 --http 127.0.0.1:8080
//! curl http://127.0.0.1:8080/          what version.txt said when the worker loaded it
//! curl http://127.0.0.1:8080/loop      never comes back
//! ```
//!
//! A file that begins with `broken` cannot be loaded, one that begins with `exit` ends the process that loads it, and `fragile`
//! ends it a little later.

use std::io::{BufRead, Write};
use std::process::{ExitCode, exit};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, hint};

use bytes::Bytes;
use nix::sys::signal::{Signal, raise};
use tidegate::cli::{self, Fork, Host, Setting};
use tidegate::{AppError, Application, Body, Environ, Input, StartResponse};

fn main() -> ExitCode {
    ExitCode::from(cli::run(&FaultyHost, std::env::args_os()))
}

struct FaultyHost;

impl Host for FaultyHost {
    fn load(&self, app: &str, _: &Setting) -> Result<Box<dyn Application>, AppError> {
        let version = fs::read_to_string(app)?.trim_end().to_owned();
        match version.split(' ').next() {
            Some("broken") => return Err(AppError::new(format!("{app}: the code is {version}"))),
            Some("exit") => exit(7),
            Some("fragile") => drop(thread::spawn(|| {
                thread::sleep(Duration::from_millis(20));
                exit(9);
            })),
            Some("slow") => sleep(app, Duration::from_secs(1)),
            _ => {}
        }
        Ok(Box::new(Faulty { app: app.to_owned(), version, leaked: Vec::new() }))
    }
}

struct Faulty {
    app: String,
    version: String,
    leaked: Vec<Vec<u8>>,
}

impl Application for Faulty {
    fn call(&mut self, mut environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        match environ.path() {
            b"/loop" => forever(),
            b"/exit" => exit(3),
            b"/crash" => crash(),
            b"/error" => return Err(AppError::new("an error, as was asked for")),
            b"/sum" => return sum(&mut environ, start_response),
            // The body outlives its request.
            b"/keep" => kept().push(environ.take_input()),
            b"/drop" => kept().clear(),
            // Touched, so that it is resident.
            b"/leak" => self.leaked.push(vec![1; 8 << 20]),
            b"/sleep" => sleep(&self.app, milliseconds(&environ)),
            path if path.starts_with(b"/held") => {
                note_call(&self.app, path)?;
                wait_to_be_let_go(&self.app)?;
            }
            path if path.starts_with(b"/once") => note_call(&self.app, path)?,
            // Both processes go on.
            b"/fork" => {
                cli::fork()?;
            }
            b"/fork-error" if cli::fork()? == Fork::Child => return Err(AppError::new("the child's")),
            b"/fork-panic" if cli::fork()? == Fork::Child => panic!("the child's"),
            b"/fork-live" | b"/fork-live-error" => leave_child(&self.app)?,
            _ => {}
        }
        start_response.start("200 OK", [("Content-Type", "text/plain")])?;
        Ok(match environ.path() {
            b"/pid" => std::process::id().to_string().into(),
            // More than sockets hold.
            b"/big" => vec![b'x'; 64 << 20].into(),
            b"/fork-step" => Body::chunks(
                [0, 1, 2].map(|step| (step, self.version.clone())).into_iter().map(|(step, version)| {
                    if step == 1 {
                        cli::fork()?;
                    }
                    Ok(Bytes::from(version))
                }),
            ),
            b"/fork-close" => Body::from(self.version.clone()).with_close(|| {
                cli::fork()?;
                Ok(())
            }),
            // Without a length: it ends with the connection.
            b"/fork-live" => Body::chunks([Ok(Bytes::from(self.version.clone())), Ok(Bytes::new())]),
            b"/fork-live-error" => {
                Body::chunks([Ok(Bytes::from(self.version.clone())), Err(AppError::new("as was asked for"))])
            }
            // Nothing, again and again; behind a first chunk, if one is asked for.
            b"/empty" => {
                let first = if environ.query().is_empty() { Bytes::new() } else { Bytes::from("first") };
                Body::chunks(std::iter::once(first).chain(std::iter::repeat(Bytes::new())).map(Ok))
            }
            // Without a length, in so many chunks of 4 KiB.
            b"/chunks" => {
                Body::chunks((0..count(&environ)).map(|_| Ok(Bytes::from_static(&[b'x'; CHUNK_BYTES]))))
            }
            b"/late-sleep" => {
                let app = self.app.clone();
                Body::chunks((0..2).map(move |step| {
                    if step > 0 {
                        sleep(&app, Duration::from_secs(60));
                    }
                    Ok(Bytes::from_static(&[b'x'; CHUNK_BYTES]))
                }))
            }
            b"/late-loop" => {
                Body::chunks((0..).map(|step| if step > 0 { forever() } else { Ok(Bytes::from("a")) }))
            }
            _ => self.version.clone().into(),
        })
    }
}

/// Sleeps, while a file tells those who look that this process does: `version.txt-asleep-4711`.
fn sleep(app: &str, time: Duration) {
    let note = format!("{app}-asleep-{}", std::process::id());
    let _ = fs::write(&note, "");
    thread::sleep(time);
    let _ = fs::remove_file(note);
}

/// Writes down, in `version.txt-calls`, that it was called for this path.
fn note_call(app: &str, path: &[u8]) -> Result<(), AppError> {
    let mut calls = fs::OpenOptions::new().create(true).append(true).open(format!("{app}-calls"))?;
    Ok(calls.write_all(&[path, b"\n"].concat())?)
}

/// Waits until there is a file `version.txt-open`.
fn wait_to_be_let_go(app: &str) -> Result<(), AppError> {
    let (open, began) = (format!("{app}-open"), Instant::now());
    while !fs::exists(&open)? {
        if began.elapsed() > Duration::from_secs(30) {
            return Err(AppError::new(format!("nobody made {open}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Answers with how many bytes the body has, and their sum.
fn sum(environ: &mut Environ, start_response: StartResponse) -> Result<Body, AppError> {
    let (mut len, mut sum) = (0, 0_u64);
    loop {
        let bytes = environ.input().fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        sum += bytes.iter().copied().map(u64::from).sum::<u64>();
        let read = bytes.len();
        environ.input().consume(read);
        len += read;
    }
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    Ok(format!("{len} bytes, sum {sum}").into())
}

/// Bodies that are kept, by whichever thread.
fn kept() -> MutexGuard<'static, Vec<Input>> {
    static KEPT: Mutex<Vec<Input>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `?ms`.
fn milliseconds(environ: &Environ) -> Duration {
    Duration::from_millis(count(environ))
}

/// The number that is the query.
fn count(environ: &Environ) -> u64 {
    let query = std::str::from_utf8(environ.query()).unwrap_or_default();
    query.parse().unwrap_or(1_000)
}

const CHUNK_BYTES: usize = 4 << 10;

/// Forks a child that stays in the application's code, and holds all that was open.
fn leave_child(app: &str) -> Result<(), AppError> {
    if cli::fork()? == Fork::Child {
        sleep(app, Duration::from_secs(60));
        exit(0);
    }
    Ok(())
}

fn forever() -> ! {
    loop {
        hint::spin_loop();
    }
}

fn crash() -> ! {
    // The first is taken by the standard library's handler, which looks for a stack's end and steps aside.
    loop {
        raise(Signal::SIGSEGV).expect("a process may signal itself");
    }
}
