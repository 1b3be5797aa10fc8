//! Workers: how many, how long, and when they are replaced.

use super::super::mapping::{process, values, workers};
use super::{Known, checked, lost, needless, refused, same};

const ONE_STEP: &str = "--timeout has one step";
const NO_BOUND: &str = "--max-connections bounds what a worker takes on";
const NO_LOCKS: &str = "locks are there as they are asked for";

pub(super) const TABLE: &[Known] = &[
    same(&["processes", "workers"], "workers", "", workers::processes),
    same(&["threads"], "threads", "", workers::threads),
    needless(&["thread-stacksize", "threads-stacksize"], "a thread's stack may grow to 8 MiB"),
    needless(&["thread-stack-size", "threads-stack-size"], "a thread's stack may grow to 8 MiB"),
    needless(&["no-threads-wait"], "--grace bounds the wait"),
    needless(&["master"], "there is one"),
    lost(&["master-as-root"], "the master gives up root's rights with --user, too"),
    same(&["lazy-apps", "lazy"], "preload", "is taken without it", workers::lazy),
    same(&["harakiri"], "timeout", "", values::positive),
    needless(&["harakiri-verbose", "backtrace-depth"], "--timeout logs where each thread was"),
    lost(&["harakiri-graceful-timeout", "harakiri-graceful-signal", "harakiri-queue-threshold"], ONE_STEP),
    needless(&["harakiri-no-arh", "no-harakiri-arh", "no-harakiri-after-req-hook"], "there is no such hook"),
    same(&["max-requests"], "max-requests", "", values::positive),
    same(&["max-requests-delta"], "max-requests-jitter", "a random number for each worker", values::number),
    same(&["max-worker-lifetime"], "max-lifetime", "in seconds", values::positive),
    lost(&["max-worker-lifetime-delta"], "a new worker serves before the old one leaves"),
    needless(&["min-worker-lifetime", "forkbomb-delay"], "a worker that ends at once is not started at once"),
    same(&["reload-on-rss", "evil-reload-on-rss"], "max-rss", "in MiB", values::positive),
    same(&["reload-on-as", "evil-reload-on-as"], "max-address-space", "in MiB", values::positive),
    needless(&["mem-collector-freq", "check-interval"], "the master looks each second"),
    refused(&["reload-on-fd", "brutal-reload-on-fd"], "reloads when a descriptor is ready", "touch-reload"),
    same(&["worker-reload-mercy"], "grace", "", workers::mercy),
    same(&["reload-mercy"], "grace", "", workers::mercy),
    lost(&["exit-on-reload"], "SIGTERM stops, SIGHUP reloads"),
    same(
        &["die-on-term"],
        "term-reloads",
        "only where it is false: else SIGTERM stops, and so does SIGQUIT",
        process::die_on_term,
    ),
    needless(&["no-orphans"], "workers leave when their master is gone"),
    needless(&["reaper"], "ended children are waited for"),
    needless(&["skip-zero", "skip-atexit", "skip-atexit-teardown"], "workers end as Python ends"),
    needless(&["locks", "lock-engine", "ftok", "persistent-ipcsem"], NO_LOCKS),
    same(&["touch-reload", "fs-reload", "fs-brutal-reload"], "reload-on", "", values::list),
    same(&["touch-workers-reload"], "reload-workers-on", "", values::list),
    same(&["touch-chain-reload"], "reload-on reload-step", "one worker after the other", workers::chain),
    refused(&["touch-exec"], "runs a program when a file changes", "a systemd path unit"),
    refused(&["touch-signal", "fs-signal"], "raises a signal of uWSGI's when a file changes", "touch-reload"),
    needless(&["propagate-touch"], "the master alone watches files"),
    same(&["cheaper"], "min-workers", "", workers::cheaper),
    same(&["cheaper-initial"], "workers-initial", "", workers::cheaper),
    same(&["cheaper-step"], "workers-step", "", workers::cheaper),
    same(&["cheaper-overload"], "workers-idle", "how long an idle worker stays", workers::cheaper),
    same(&["cheaper-busyness-multiplier"], "workers-idle", "times cheaper-overload", workers::cheaper),
    needless(&["cheaper-algo"], "--min-workers looks at busy threads and at what waits"),
    lost(&["cheap", "idle"], "one worker serves in any case"),
    refused(
        &["die-on-idle"],
        "stops the server when nobody asks",
        "systemd's socket units start and stop services",
    ),
    refused(&["worker-exec", "worker-exec2"], "runs another program as worker", "start it by itself"),
    lost(&["cpu-affinity"], "systemd's CPUAffinity="),
    lost(&["prio"], "systemd's Nice="),
    lost(&["never-swap"], "systemd's MemorySwapMax=0"),
    lost(&["ksm"], "--preload shares memory among workers"),
    needless(
        &["ignore-sigpipe", "ignore-write-errors", "write-errors-tolerance"],
        "a client that leaves is no error",
    ),
    needless(
        &["disable-write-exception", "write-errors-exception-only"],
        "a client that leaves raises nothing, unless write() is called then",
    ),
    needless(&["max-fd"], "the limit of open files is raised as far as it goes"),
    needless(&["pcre-jit", "clock"], NO_BOUND),
    checked(&["loop"], "the simple loop is the only one", workers::simple_loop),
];
