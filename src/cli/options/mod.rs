//! The options of `tidegate serve`, and what they set.

mod files;
mod logs;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, builder::RangedU64ValueParser, value_parser};
use ipnet::IpNet;

use crate::cli::apps::App;
use crate::cli::host::Setting;
use crate::cli::values::{
    Seconds, Size, WorkerCount, assignment, bound, header_field, mode, mount, thread_count, waiting_time,
};
use crate::cli::warm_up::target;
use crate::limits::Limits;
use crate::master::{ByNeed, Pattern, Retirement};
use crate::net::listener::{Address, ListenOptions, Owner, parse_network};
use crate::protocol::{ProtocolName, Trust};
use files::FileOptions;
pub(super) use logs::{Rotation, Telling};
use process::Process;

/// What `tidegate serve` is given.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// The application to serve: a Python application, as myproject.wsgi, module:callable, module:factory() or
    /// ./file.py, or a built-in one: hello, environ, echo, stream or demo; see below.
    ///
    /// With --mount there need be none: other paths than those are a 404 then.
    pub(super) app: Option<String>,
    #[command(flatten)]
    pub(super) loading: Loading,
    #[command(flatten)]
    pub(super) listening: Listening,
    #[command(flatten)]
    pub(super) files: FileOptions,
    #[command(flatten)]
    pub(super) workers: Workers,
    #[command(flatten)]
    pub(super) development: Development,
    #[command(flatten)]
    pub(super) process: Process,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    pub(super) telling: Telling,
}

const UWSGI: &str = "Speak uwsgi here, for nginx's uwsgi_pass [default: 127.0.0.1:3031]";
const HTTP: &str = "Speak HTTP/1.1 here, for a browser or nginx's proxy_pass [default: 127.0.0.1:8080]";
const ADDR: &str = "\
It may be given several times. ADDR is HOST:PORT or [V6]:PORT (port 0 is any free one), /path or unix:/path for a unix \
socket, @name for an abstract one, fd:N or fd:NAME for a socket that systemd hands over (LISTEN_FDS).";
const DEFAULTS: &str = "\
ADDR is as with --uwsgi. The two defaults hold together, when no listener of any kind is asked for.";

#[derive(Args, Debug)]
#[command(next_help_heading = "Loading")]
pub(super) struct Loading {
    /// Go to DIR first: all paths and modules are looked for from there.
    #[arg(long, value_name = "DIR")]
    pub(super) chdir: Option<PathBuf>,

    /// Look for Python modules in DIR before anywhere else. May be given several times.
    #[arg(long, value_name = "DIR")]
    pythonpath: Vec<PathBuf>,

    /// Find the packages of the virtual environment DIR, which must be of this Python's version, in place of those beside this
    /// command.
    #[arg(long, value_name = "DIR")]
    virtualenv: Option<PathBuf>,

    /// Have sys.argv be these words, which are split as by a shell, behind the command's name.
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pyargv: Option<String>,

    /// Import a Python module, or ./file.py, before the application. May be given several times.
    #[arg(long, value_name = "MODULE")]
    import: Vec<String>,

    /// Where uWSGI's configuration is served (`tidegate uwsgi`): its options as they were given, for `import uwsgi`.
    #[arg(skip)]
    pub(super) uwsgi: Option<Vec<(String, Option<String>)>>,

    /// Set a variable of the process's environment before a Python application is loaded. May be given several
    /// times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    env: Vec<(String, String)>,

    /// Serve the application APP at paths below PREFIX, as /api=api:app: SCRIPT_NAME has the prefix, and PATH_INFO what is
    /// behind it. May be given several times; the longest goes first, and APP without a prefix has the rest.
    /// docs/prefixes.md has nginx's side too.
    #[arg(long = "mount", value_name = "PREFIX=APP", value_parser = mount)]
    mounts: Vec<(String, String)>,

    /// Whether to end with status 1 if the application cannot be loaded; else each request is answered with 500.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(super) need_app: bool,

    /// Have each new worker answer a GET of PATH before it serves. May be given several times.
    ///
    /// PATH is /path?query, or http://HOST/path where the application wants its own host. If it raises, or answers with a
    /// status of 500 or more, that is as if it could not be loaded: a start fails, a reload keeps the old workers.
    #[arg(long, value_name = "PATH", value_parser = target)]
    pub(super) warm_up: Vec<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Listening")]
pub(super) struct Listening {
    // Brackets in a doc comment would be a link.
    #[arg(long, value_name = "ADDR", help = UWSGI, long_help = format!("{UWSGI}\n\n{ADDR}"))]
    uwsgi: Vec<Address>,

    #[arg(long, value_name = "ADDR", help = HTTP, long_help = format!("{HTTP}\n\n{DEFAULTS}"))]
    http: Vec<Address>,

    /// Speak HTTP/1.1 here behind a load balancer: each connection begins with a PROXY protocol header, v1 or v2,
    /// that names the client.
    #[arg(long, value_name = "ADDR")]
    http_proxy_protocol: Vec<Address>,

    /// Speak FastCGI here, for nginx's fastcgi_pass.
    #[arg(long, value_name = "ADDR")]
    fastcgi: Vec<Address>,

    /// Speak SCGI here, for nginx's scgi_pass.
    #[arg(long, value_name = "ADDR")]
    scgi: Vec<Address>,

    /// Believe X-Forwarded-For, -Proto, -Host and -Port, or else Forwarded, of these HTTP peers: an address or a
    /// network. Peers on a unix socket are believed once any are.
    #[arg(long, value_name = "NETWORK", value_parser = parse_network, value_delimiter = ',')]
    trusted_proxy: Vec<IpNet>,

    /// Let these TCP peers connect, beside loopback: an address or a network, as 10.0.0.0/8.
    ///
    /// Without it no address is listened on that other machines can reach: whoever speaks uwsgi to the server
    /// can claim to be any client. May be given several times, or as a list with commas.
    #[arg(long, value_name = "NETWORK", value_parser = parse_network, value_delimiter = ',')]
    allow_from: Vec<IpNet>,

    /// Send this field with each response, behind the application's own: one of the same name stands there twice. May be
    /// given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header_field)]
    pub(super) fields: Vec<(String, String)>,

    /// Permission bits of a unix socket, in octal.
    ///
    /// nginx must be able to write to it: it must run as the socket's owner, or be in its group.
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "660")]
    socket_mode: u32,

    /// Owner of a unix socket: USER, USER:GROUP or :GROUP, names or numbers, as :www-data.
    #[arg(long, value_name = "OWNER")]
    socket_owner: Option<Owner>,

    /// Tell here how the workers are: JSON with the keys of uWSGI's stats server, for `tidegate top` and uwsgitop, and
    /// over HTTP the same at / and Prometheus's text at /metrics. ADDR is as with --uwsgi.
    #[arg(long, value_name = "ADDR")]
    stats: Option<Address>,

    /// Connections that may wait to be accepted; the kernel's net.core.somaxconn bounds it too.
    #[arg(long, value_name = "COUNT", default_value_t = ListenOptions::default().backlog,
          value_parser = value_parser!(u32).range(1..))]
    backlog: u32,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Workers")]
pub(super) struct Workers {
    /// Processes that serve, beside the master that watches over them; auto is one for each core.
    ///
    /// With 0 the command serves by itself: no master, so nobody replaces it, and none of the options below.
    #[arg(long, value_name = "N|auto", default_value = "1")]
    pub(super) workers: WorkerCount,

    /// Have as few workers as N while there is little to do, and up to --workers by need: more are started when requests
    /// wait or most threads are busy, and those that idle are ended.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    min_workers: Option<u32>,

    /// Of those by need, start N at first [default: --min-workers]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), hide_short_help = true)]
    workers_initial: Option<u32>,

    /// Of those by need, start N at once [default: 1]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), hide_short_help = true)]
    workers_step: Option<u32>,

    /// Of those by need, end the ones that were not needed for so long [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = waiting_time, hide_short_help = true)]
    workers_idle: Option<Seconds>,

    /// Threads of the application in each worker: each has one request at a time, from the call to close().
    ///
    /// Without it an application in Rust runs on the loop's own thread, where responses take turns, and one in another
    /// language has 1.
    #[arg(long, value_name = "N", value_parser = thread_count)]
    pub(super) threads: Option<usize>,

    /// Answer a request with 503 if no thread comes free for it in so long [default: no bound]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    queue_timeout: Option<Seconds>,

    /// How much of a response is taken from the application before its slow reader takes it, while other requests wait
    /// for a thread: in memory at first, then in a temporary file. One that is longer keeps its thread.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().ahead_bytes_max))]
    max_ahead: Size,

    /// Load the application before the workers are forked: they share its memory, and start at once. A reload
    /// then starts a new master on the same sockets, as SIGUSR2 does.
    #[arg(long)]
    pub(super) preload: bool,

    /// Answer a request with 504 whose application does not come back for so long, from its call or from a step of
    /// its body. The log says where it was, and another worker takes over; without --threads of its own the worker is
    /// aborted, and with them it finishes what they run [default: no bound]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(super) timeout: Option<Seconds>,

    /// After SIGTERM go on taking requests for so long before the stop, while /ready (--stats) says 503 and HTTP answers close
    /// their connections: load balancers need time to notice. A second SIGTERM skips it [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(super) drain: Option<Seconds>,

    /// Replace a worker after so many requests. It serves until its successor does.
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u64).range(1..))]
    pub(super) max_requests: Option<u64>,

    /// Up to so many requests more, another number for each worker.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(super) max_requests_jitter: u64,

    /// Replace a worker that has served for so long.
    #[arg(long, value_name = "SECONDS", value_parser = bound)]
    pub(super) max_lifetime: Option<Seconds>,

    /// Replace a worker that has grown to so much resident memory, in MiB.
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(super) max_rss: Option<u64>,

    /// Replace a worker whose address space has grown to so much, in MiB.
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30), hide_short_help = true)]
    max_address_space: Option<u64>,

    /// How many new workers a reload starts at once; each then takes the place of one that serves [default: a quarter].
    ///
    /// Few keep memory and the processor for those that serve. If the first few cannot load the code, all stays as it was.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(super) reload_step: Option<u32>,

    /// Reload when PATH changes, as SIGHUP does: a file, or any file in a folder. May be given several times.
    #[arg(long, value_name = "PATH")]
    pub(super) reload_on: Vec<PathBuf>,

    /// The same, but that the master stays: with --preload the workers are only started anew, from what it has loaded.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(super) reload_workers_on: Vec<PathBuf>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Development")]
pub(super) struct Development {
    /// While you develop: load the code anew when a file of it is saved, and show a page with the traceback if it cannot be
    /// loaded. Requests wait for the new code, and each is a line on stdout. Not for production.
    ///
    /// Watched are the files of the modules that are loaded, but for the standard library and what is installed in
    /// site-packages. What still runs in the code before is ended after two seconds.
    #[arg(long)]
    pub(super) reload: bool,

    /// Do so for other files too: a file (.env), a folder with all below it (templates), or a pattern of a name ('*.html') or a
    /// path ('conf/**/*.ini'). May be given several times.
    #[arg(long, value_name = "PATTERN", value_parser = Pattern::parse)]
    pub(super) reload_include: Vec<Pattern>,
}

#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Bounds")]
struct Bounds {
    /// The largest request body, in bytes or with k, m or g behind; a larger one is answered with 413.
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().body_bytes_max))]
    max_body: Size,

    /// Memory of each worker for request bodies, in bytes or with k, m or g behind. Those that find none left, and those
    /// of more than a quarter of it, go to temporary files; with 0 all do.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().bodies_memory_bytes_max as u64))]
    body_memory: Size,

    /// Connections open at once; the rest wait in the backlog.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().connections_count_max,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    max_connections: usize,

    /// Time for a request's head to arrive; then it is answered with 408.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().head_time_max),
          value_parser = waiting_time)]
    head_timeout: Seconds,

    /// Time for a request's body, and a second more for every 500 bytes that arrived; then 408.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().body_time_max),
          value_parser = waiting_time)]
    body_timeout: Seconds,

    /// Time in which a kept-alive HTTP or FastCGI connection may be silent between two requests.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().keep_alive_time_max),
          value_parser = waiting_time)]
    keep_alive: Seconds,

    /// Time without the peer taking a byte of the response; then its connection is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().write_time_max),
          value_parser = waiting_time)]
    write_timeout: Seconds,

    /// Time for running requests to finish at a stop or a reload.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().grace_time_max))]
    grace: Seconds,
}

impl Loading {
    /// Where modules are looked for before anywhere else.
    pub(super) fn search_path(&self) -> &[PathBuf] {
        &self.pythonpath
    }

    /// What the application is loaded into, by so many workers of so many threads.
    pub(super) fn setting(&self, workers: u32, threads: usize, development: bool) -> Setting {
        Setting {
            search_path: self.pythonpath.clone(),
            environment: self.env.clone(),
            virtualenv: self.virtualenv.clone(),
            arguments: self.pyargv.clone(),
            imports: self.import.clone(),
            workers,
            threads,
            uwsgi: self.uwsgi.clone(),
            development,
        }
    }
}

impl Listening {
    /// Where to listen, what is spoken there, and how to listen. A unix socket is `owner`'s unless another was named.
    pub(super) fn addresses(&self, owner: Option<Owner>) -> Vec<(ProtocolName, Address, ListenOptions)> {
        let (plain, proxied) = (self.options(false, owner), self.options(true, owner));
        // Another protocol is an option above and a line here.
        let asked = [
            (ProtocolName::Uwsgi, &self.uwsgi, &plain),
            (ProtocolName::Http, &self.http, &plain),
            (ProtocolName::Http, &self.http_proxy_protocol, &proxied),
            (ProtocolName::Fastcgi, &self.fastcgi, &plain),
            (ProtocolName::Scgi, &self.scgi, &plain),
        ];
        let mut all = Vec::new();
        for (protocol, addresses, options) in asked {
            all.extend(addresses.iter().map(|address| (protocol, address.clone(), options.clone())));
        }
        if all.is_empty() {
            let loopback = |port| Address::Tcp { host: "127.0.0.1".to_owned(), port };
            all.push((ProtocolName::Uwsgi, loopback(3031), plain.clone()));
            all.push((ProtocolName::Http, loopback(8080), plain));
        }
        all
    }

    /// Where the statistics are told, and how to listen there.
    pub(super) fn stats(&self, owner: Option<Owner>) -> Option<(Address, ListenOptions)> {
        self.stats.clone().map(|address| (address, self.options(false, owner)))
    }

    fn options(&self, proxy_protocol: bool, owner: Option<Owner>) -> ListenOptions {
        ListenOptions {
            socket_mode: self.socket_mode,
            socket_owner: self.socket_owner.or(owner),
            allow_from: self.allow_from.clone(),
            trust: Trust { proxies: self.trusted_proxy.clone(), proxy_protocol },
            backlog: self.backlog,
        }
    }
}

impl Workers {
    /// Between which numbers of workers there are by need, and how fast they change.
    pub(super) fn by_need(&self) -> Option<ByNeed> {
        self.min_workers.map(|min| ByNeed {
            min,
            initial: self.workers_initial.unwrap_or(min),
            step: self.workers_step.unwrap_or(1),
            idle_time: self.workers_idle.map_or(IDLE_TIME, |time| time.0),
        })
    }

    fn contradiction(&self) -> Option<&'static str> {
        let Some(plan) = self.by_need() else {
            let is_tuned =
                self.workers_initial.or(self.workers_step).is_some() || self.workers_idle.is_some();
            return is_tuned.then_some(
                "--workers-initial, --workers-step and --workers-idle say how workers come and go by need; give --min-workers too",
            );
        };
        if self.workers.0 == 0 {
            return Some(
                "--min-workers is a master's work, and with --workers 0 there is none; say how many there may be",
            );
        }
        if plan.min > self.workers.0 {
            return Some("--min-workers is more than --workers, the most there may be");
        }
        let is_between = (plan.min..=self.workers.0).contains(&plan.initial);
        (!is_between).then_some("--workers-initial lies between --min-workers and --workers, or is left out")
    }

    /// When a worker is replaced though nothing is wrong with it.
    pub(super) fn retirement(&self) -> Retirement {
        Retirement {
            requests_max: self.max_requests,
            requests_jitter: self.max_requests_jitter,
            lifetime_max: self.max_lifetime.map(|time| time.0),
            rss_bytes_max: self.max_rss.map(|mebibytes| mebibytes << 20),
            vsz_bytes_max: self.max_address_space.map(|mebibytes| mebibytes << 20),
        }
    }
}

impl Options {
    /// The applications, and what their paths begin with: nothing for the one that has the rest, which is the first.
    pub(super) fn apps(&self) -> Vec<App<'_>> {
        let rest = self.app.iter().map(|name| App { prefix: "", name });
        let mounted = self.loading.mounts.iter().map(|(prefix, name)| App { prefix, name });
        rest.chain(mounted).collect()
    }

    /// Which options are of no use together, in a sentence.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let prefixes: Vec<_> = self.loading.mounts.iter().map(|(prefix, _)| prefix).collect();
        if (1..prefixes.len()).any(|at| prefixes[..at].contains(&prefixes[at])) {
            return Some("--mount: one prefix is given two applications; take one of them out");
        }
        if let Some(why) = self.workers.contradiction() {
            return Some(why);
        }
        let Development { reload, reload_include } = &self.development;
        if *reload && self.workers.preload {
            return Some(
                "--reload has each worker load the code anew, and --preload has it loaded once, before them; take one of them out",
            );
        }
        if *reload && self.workers.workers.0 == 0 {
            return Some("--reload is a master's work, and with --workers 0 there is none; take --workers 1");
        }
        if !reload && !reload_include.is_empty() {
            return Some("--reload-include says what --reload watches too; give that as well");
        }
        if let Some(why) = self.process.contradiction(self.workers.workers.0 > 0, &self.telling) {
            return Some(why);
        }
        let is_silent = self.workers.workers.0 == 0 && self.listening.stats.is_some();
        is_silent
            .then_some("--stats is told by a master, and with --workers 0 there is none; take --workers 1")
    }

    /// The bounds, those without an option at their defaults.
    pub(super) fn limits(&self) -> Limits {
        let Bounds {
            max_body,
            body_memory,
            max_connections,
            head_timeout,
            body_timeout,
            keep_alive,
            write_timeout,
            grace,
        } = self.bounds;
        let bodies = usize::try_from(body_memory.0).unwrap_or(usize::MAX);
        Limits {
            body_bytes_max: max_body.0,
            body_memory_bytes_max: bodies / 4,
            bodies_memory_bytes_max: bodies,
            connections_count_max: max_connections,
            head_time_max: head_timeout.0,
            body_time_max: body_timeout.0,
            keep_alive_time_max: keep_alive.0,
            write_time_max: write_timeout.0,
            grace_time_max: if self.development.reload { grace.0.min(RELOAD_GRACE) } else { grace.0 },
            empty_chunks_time_max: self.workers.timeout.map(|time| time.0),
            ahead_bytes_max: self.workers.max_ahead.0,
            waiting_time_max: self.workers.queue_timeout.map(|time| time.0),
            ..Limits::default()
        }
    }
}

/// How long a worker by need was not needed that is ended. uWSGI's cheaper_busyness plugin waits for as long.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// How long, under `--reload`, a request may still run in the code before: it is read by nobody any more, or is a stream that has no
/// end. The reloaders of others end it at once.
const RELOAD_GRACE: Duration = Duration::from_secs(2);
