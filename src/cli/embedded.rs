//! A server in a process that another program has for itself: the options of `serve` without its master, its signals and its
//! way to end the process.

use std::io;
use std::os::unix::thread::RawPthread;
use std::sync::Arc;

use super::config::Written;
use super::foreign::{self, Place};
use super::logs::Logs;
use super::option_names::in_options;
use super::options::Options;
use super::{Command, Host, Program, Setting, config, definition, parse, start};
use crate::application::{AppError, Application};
use crate::net::listener::{Inherited, ListenError, Listener};
use crate::process::fork_watch;
use crate::worker::stop::Stopper;
use crate::worker::{BareWorker, ThreadHost};

/// A server that listens, and serves what its host loads once it is run.
///
/// It leaves signals, the working directory, stdout and stderr to the process. Several may be run at once.
pub struct Embedded {
    worker: BareWorker,
    host: Arc<dyn Host + Send>,
    threads: usize,
}

/// Why there is no server.
#[derive(Debug)]
pub enum EmbeddedError {
    /// There is no such option, or not here; with what to do.
    Unknown(String),
    /// An option's value will not do.
    Value(String),
    /// The system says no.
    System(String),
}

impl Embedded {
    /// A server with these options of `serve`: each by its long name, with its values as they would be typed; a flag's is
    /// true or false.
    pub fn new(host: Arc<dyn Host + Send>, options: &[(String, Vec<String>)]) -> Result<Self, EmbeddedError> {
        let system = |error: &dyn ToString| EmbeddedError::System(error.to_string());
        let options = read(options)?;
        start::log(&options.telling, &Logs::stderr().map_err(|error| system(&error))?);
        fork_watch::begin().map_err(|error| system(&error))?;
        let mut limits = options.limits();
        limits.call_time_max = options.workers.timeout.map(|time| time.0);
        // Here options are keywords.
        let keyword = |why: String| EmbeddedError::Value(why.trim_start_matches("--").to_owned());
        let files = options.files.open().map_err(keyword)?;
        let logs = Logs::open(&options.telling, false, None, None).map_err(|error| system(&error))?;
        let (mut listeners, mut inherited) = (Vec::new(), Inherited::none());
        for (protocol, address, how) in options.listening.addresses(None) {
            let bound = Listener::bind(protocol, &address, &how, &mut inherited);
            let keyword = |error: ListenError| system(&error.to_string().replace("ListenOptions::", ""));
            listeners.extend(bound.map_err(keyword)?);
        }
        listeners.iter_mut().for_each(Listener::own_file);
        let mut worker = BareWorker::new(listeners, limits, None).map_err(|error| system(&error))?;
        if let Some(observer) = logs.observer(None) {
            worker.observe(observer);
        }
        if let Some(files) = files {
            worker.serve_files(files);
        }
        worker.add_fields(&options.listening.fields);
        worker.name_bounds(in_options);
        Ok(Embedded { worker, host, threads: options.workers.threads.unwrap_or(1) })
    }

    /// Where it listens: the protocol, and the address with the port that it has got.
    pub fn addresses(&self) -> Vec<(String, String)> {
        let of = |listener: &Listener| (listener.protocol().to_string(), listener.address());
        self.worker.listeners().map(of).collect()
    }

    /// What stops it.
    pub fn stopper(&self) -> Stopper {
        self.worker.stopper()
    }

    /// Serves on this thread, the first of the application's, until it is stopped.
    pub fn run(self) -> Result<(), AppError> {
        let Embedded { worker, host, threads } = self;
        let setting = Setting { workers: 1, threads, ..Setting::default() };
        let app = host.load(NAME, &setting)?;
        let (mut run, mut result) = (Some((worker, app)), Ok(()));
        let all = Arc::new(EmbeddedThreads { host: Arc::clone(&host), setting });
        host.while_serving(&mut || {
            if let Some((worker, app)) = run.take() {
                result = worker.run_with_threads(threads, app, all.clone());
            }
        });
        result.map_err(AppError::from)
    }
}

/// What the application is called, for which there is no name.
const NAME: &str = "application";

/// The options that are no use to a process that is another's: what they say is the process's own affair.
fn is_for_processes(name: &str) -> bool {
    !IN_PROCESS.contains(&name)
}

/// Those that are.
const IN_PROCESS: [&str; 32] = [
    "uwsgi",
    "http",
    "http-proxy-protocol",
    "fastcgi",
    "scgi",
    "trusted-proxy",
    "allow-from",
    "socket-mode",
    "socket-owner",
    "backlog",
    "static",
    "static-cache-control",
    "static-follow-links",
    "workers",
    "threads",
    "queue-timeout",
    "max-ahead",
    "timeout",
    "max-body",
    "max-connections",
    "head-timeout",
    "body-timeout",
    "keep-alive",
    "write-timeout",
    "grace",
    "access-log",
    "access-log-file",
    "access-log-format",
    "log-format",
    "trace",
    "verbose",
    "quiet",
];

/// The options as `serve` would read them.
fn read(given: &[(String, Vec<String>)]) -> Result<Options, EmbeddedError> {
    let definition = definition(&Program::TIDEGATE);
    let mut written = Vec::new();
    for (name, values) in given {
        let option = name.replace('_', "-");
        let one = match config::write(&definition, &option, values) {
            Err(Written::Unknown(near)) => {
                return Err(EmbeddedError::Unknown(unknown(name, near.as_deref())));
            }
            _ if is_for_processes(&option) => {
                return Err(EmbeddedError::Unknown(format!(
                    "{name} is for a process of the server's own: `tidegate serve --{option}`"
                )));
            }
            Err(Written::Refused(why)) => return Err(EmbeddedError::Value(format!("{name}: {why}"))),
            Ok(one) => one,
        };
        if option == "workers" && values.iter().any(|value| value != "0") {
            return Err(EmbeddedError::Value(
                "workers: in another program's process there are none, as with 0; `tidegate serve --workers` has them"
                    .to_owned(),
            ));
        }
        written.extend(one);
    }
    let arguments = ["tidegate", "serve", NAME].map(Into::into).into_iter().chain(written).collect();
    match parse(definition, arguments) {
        Ok(Command::Serve(configured)) => Ok(configured.options),
        Ok(_) => unreachable!("the second word is serve"),
        Err(error) => {
            let words = error.to_string();
            let words = words.trim_start_matches("error: ").lines().next().unwrap_or_default();
            Err(EmbeddedError::Value(words.replace("--", "")))
        }
    }
}

fn unknown(name: &str, near: Option<&str>) -> String {
    let hint = match (foreign::answer(name, Place::Keyword), near) {
        (Some(answer), _) => format!(": {answer}"),
        (None, Some(near)) => format!("; did you mean {near}?"),
        (None, None) => String::new(),
    };
    format!("there is no option {name}{hint}")
}

/// The threads of such a server.
struct EmbeddedThreads {
    host: Arc<dyn Host + Send>,
    setting: Setting,
}

impl ThreadHost for EmbeddedThreads {
    fn application(&self) -> Result<Box<dyn Application>, AppError> {
        self.host.load_on_thread(NAME, &self.setting)
    }

    fn runs_in_parallel(&self) -> bool {
        self.host.runs_in_parallel()
    }

    fn begin_thread(&self, name: String, run: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn FnOnce()>> {
        self.host.begin_thread(name, run)
    }

    fn look_around(&self) {
        self.host.look_around();
    }

    fn trace(&self, threads: &[RawPthread]) {
        self.host.trace(threads);
    }

    /// The process is not ours: a thread that does not come back is left behind.
    fn leave(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::serve_keys;

    fn reads(name: &str, values: &[&str]) -> Result<Options, EmbeddedError> {
        read(&[(name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())])
    }

    #[test]
    fn options_in_process_are_options_of_the_command() {
        let keys = serve_keys();
        for option in IN_PROCESS {
            assert!(keys.contains(option), "{option}");
        }
    }

    #[test]
    fn options_are_read_as_the_command_s() {
        let options = reads("max_body", &["1k"]).unwrap();
        assert_eq!(options.limits().body_bytes_max, 1_024);
        assert!(reads("access_log", &["true"]).unwrap().telling.access_log);
        assert!(!reads("access_log", &["false"]).unwrap().telling.access_log);
        assert_eq!(reads("http", &["127.0.0.1:0", "@x"]).unwrap().listening.addresses(None).len(), 2);
        assert_eq!(reads("verbose", &["2"]).unwrap().telling.verbose, 2);
        assert!(reads("workers", &["0"]).is_ok());
    }

    #[test]
    fn what_will_not_do_says_why() {
        for (name, values, want) in [
            ("max_body", &["x"][..], "max_body: write a number of bytes, as 4096, 64k, 10m or 1g"),
            ("max_body", &["1", "2"], "max_body: give one value"),
            ("access_log", &["maybe"], "access_log: give True or False"),
            ("verbose", &["x"], "verbose: give a number from 0 to 255"),
            ("workers", &["2"], "workers: in another program's process there are none"),
        ] {
            match reads(name, values) {
                Err(EmbeddedError::Value(why)) => assert!(why.starts_with(want), "{why}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        for (name, want) in [
            ("preload", "preload is for a process of the server's own: `tidegate serve --preload`"),
            ("max_requests", "max_requests is for a process of the server's own"),
            ("bind", "there is no option bind: bind is gunicorn's, here: http, as 127.0.0.1:8000"),
            ("max_bdy", "there is no option max_bdy; did you mean max_body?"),
            ("colour", "there is no option colour"),
        ] {
            match reads(name, &["1"]) {
                Err(EmbeddedError::Unknown(why)) => assert!(why.starts_with(want), "{why}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
