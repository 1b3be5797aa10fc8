//! The process: its folder, its rights, its files.

use super::super::mapping::{attached, hooks, process, values};
use super::{Known, lost, needless, refused, same};

const NO_NAME: &str = "systemd and --pidfile tell processes apart";
const UNIT: &str = "systemd's RootDirectory=, PrivateMounts= and the like";
const EXEC_START: &str = "systemd's ExecStartPre=";
const RIGHTS: &str = "systemd's AmbientCapabilities= and SupplementaryGroups=";
const BY_KILL: &str = "kill -TERM, -HUP with the pidfile's number";

pub(super) const TABLE: &[Known] = &[
    same(&["chdir"], "chdir", "", values::text),
    same(&["force-cwd"], "chdir", "", values::text),
    refused(&["chdir2"], "goes to a folder once the application is loaded", "os.chdir() at the module's end"),
    same(&["env"], "env", "", process::env),
    refused(&["unenv"], "takes a variable out of the environment", "env -u NAME in front of the command"),
    refused(
        &["envdir", "early-envdir"],
        "reads variables from a folder of files",
        "systemd's EnvironmentFile=",
    ),
    same(&["uid", "immediate-uid"], "user", "started as root only", process::user),
    same(&["gid", "immediate-gid"], "group", "started as root only", process::group),
    refused(&["add-gid", "cap", "no-initgroups"], "changes the process's rights", RIGHTS),
    same(&["umask"], "umask", "", process::umask),
    same(&["pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2"], "pidfile", "", process::pidfile),
    needless(&["vacuum"], "its own sockets and pidfile are taken away at the end"),
    same(&["daemonize", "daemonize2"], "daemonize log-file", "with --log-file", process::daemonize),
    same(&["master-fifo"], "control", "", values::text),
    same(
        &[
            "hook-asap",
            "hook-pre-jail",
            "hook-post-jail",
            "hook-as-root",
            "hook-as-user",
            "hook-pre-app",
            "hook-post-app",
            "hook-master-start",
            "hook-post-fork",
            "hook-accepting",
            "hook-accepting1",
            "hook-accepting-once",
            "hook-accepting1-once",
            "hook-as-user-atexit",
        ],
        "hook",
        "as MOMENT=ACTION; the actions of C are refused",
        hooks::hook,
    ),
    same(
        &[
            "exec-asap",
            "exec-pre-jail",
            "exec-post-jail",
            "exec-as-root",
            "exec-as-user",
            "exec-pre-app",
            "exec-post-app",
            "exec-as-user-atexit",
        ],
        "hook",
        "as MOMENT=exec:COMMAND",
        hooks::hook,
    ),
    refused(&["stop", "reload", "pause", "suspend", "resume"], "sends a signal to another instance", BY_KILL),
    needless(&["auto-procname", "procname", "procname-master", "procname-append"], NO_NAME),
    needless(&["procname-prefix", "procname-prefix-spaced"], NO_NAME),
    needless(&["honour-stdin", "daemons-honour-stdin"], "stdin is left alone"),
    needless(&["safe-fd", "fd-safe"], "only descriptors of its own are closed"),
    needless(&["binary-path"], "at SIGUSR2 the process becomes the program that stands where this one stood"),
    needless(
        &["refork", "re-fork", "refork-as-root", "re-fork-as-root", "refork-post-jail", "re-fork-post-jail"],
        "the workers are forks",
    ),
    needless(&["drop-after-init", "drop-after-apps"], "rights are dropped before the application is loaded"),
    needless(&["use-abort"], "a crash leaves a core as the system has it"),
    lost(&["limit-as", "limit-nproc"], "systemd's LimitAS=, LimitNPROC= and MemoryMax="),
    lost(&["cgroup", "cgroup-opt", "cgroup-dir-mode"], "systemd's Slice="),
    refused(
        &["flock", "flock-wait", "flock2", "flock-wait2"],
        "starts one instance only",
        "flock(1) in front of the command",
    ),
    refused(&["chroot", "pivot-root", "pivot_root", "jailed", "binsh"], "changes the root folder", UNIT),
    refused(
        &["namespace", "ns", "namespace-net", "ns-net", "namespace-keep-mount"],
        "runs in a namespace",
        UNIT,
    ),
    refused(&["unshare", "unshare2"], "runs in a namespace", UNIT),
    same(&["attach-daemon"], "attach", "", attached::daemon),
    same(&["attach-control-daemon"], "attach", "as '[vital] COMMAND'", attached::control),
    same(
        &["attach-daemon2"],
        "attach",
        "with its settings in brackets before the command",
        attached::by_keys,
    ),
    same(&["smart-attach-daemon"], "attach", "as '[pidfile=FILE] COMMAND'", attached::smart),
    refused(&["smart-attach-daemon2"], "sends a program to the background", "attach-daemon keeps it running"),
    refused(&["file-write"], "writes a file at the start", EXEC_START),
    refused(
        &["check-mountpoint", "mountpoint-check", "check-mount", "mount-check"],
        "stops when a mount is gone",
        UNIT,
    ),
];
