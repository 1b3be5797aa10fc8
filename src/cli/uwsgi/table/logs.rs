//! Logs, the access log, statistics.

use super::super::mapping::{logs, values};
use super::{Known, lost, needless, same};

const ROTATE: &str = "logrotate, with SIGUSR1 behind it";
const ALERTS: &str = "an alert on the metrics of --stats";
const FILTER: &str = "the reader of the log filters it";
const STATS_ALL: &str = "--stats tells of all";

pub(super) const TABLE: &[Known] = &[
    same(&["logto", "logto2"], "log-file access-log-file", "", logs::file),
    same(
        &["logger", "log-syslog", "log-socket"],
        "log-file",
        "or syslog:NAME, syslog://HOST/NAME, udp://HOST:PORT",
        logs::logger,
    ),
    same(
        &["req-logger", "logger-req"],
        "access-log-file",
        "or syslog:NAME, syslog://HOST/NAME, udp://HOST:PORT",
        logs::logger,
    ),
    lost(&["log-route", "log-req-route", "log-drain", "log-filter"], FILTER),
    same(
        &["log-encoder", "log-req-encoder"],
        "access-log-format",
        "format, json, prefix, suffix and nl, in the form of requests' lines",
        logs::encoder,
    ),
    same(&["disable-logging"], "access-log", "is on without it", logs::disable),
    same(
        &["log-4xx", "log-5xx", "log-slow", "log-big", "log-zero", "log-ioerror"],
        "access-log-only",
        "under disable-logging",
        logs::only,
    ),
    lost(&["log-sendfile"], "the access log has files, too"),
    same(&["log-format", "logformat"], "access-log-format", "", logs::form),
    same(
        &["logformat-strftime", "log-format-strftime", "log-micros", "log-x-forwarded-for", "memory-report"],
        "access-log-format",
        "in the form of the line",
        logs::style,
    ),
    same(
        &["logdate", "log-date"],
        "log-format",
        "each line has its time, in a form of its own; a FORMAT is that of %(ftime) under logformat-strftime",
        logs::style,
    ),
    lost(&["log-prefix"], "each line has its time"),
    needless(
        &["log-master", "log-master-bufsize", "log-master-stream", "log-master-req-stream"],
        "workers write their lines themselves",
    ),
    needless(&["threaded-logger"], "workers write their lines themselves"),
    needless(&["log-reopen", "touch-logreopen"], "a log file that was moved away is opened anew by itself"),
    same(&["log-maxsize"], "log-max-size", "", values::positive),
    same(&["log-backupname"], "log-backup", "what the name has behind it then", logs::backup),
    lost(&["log-truncate", "touch-logrotate"], ROTATE),
    needless(&["logfile-chown"], "log files are --user's"),
    lost(&["logfile-chmod"], "--umask"),
    same(&["stats", "stats-server"], "stats", "", values::address),
    needless(&["stats-http"], "--stats speaks HTTP to who asks in HTTP"),
    needless(&["stats-minified", "stats-min", "stats-no-cores", "stats-no-metrics"], STATS_ALL),
    lost(&["stats-push", "stats-pusher-default-freq", "stats-pushers-default-freq"], ALERTS),
    lost(&["log-alarm", "alarm-log", "not-log-alarm", "not-alarm-log"], ALERTS),
    lost(&["segfault-alarm", "backlog-alarm", "lq-alarm", "listen-queue-alarm"], ALERTS),
    lost(&["notfound-log", "ssl-verbose"], "the access log has the status"),
];
