//! Options that are answered by how their names begin.

use super::Answer::{self, Lost, Needless, Nginx, Refused};

/// The options whose names begin so, and stand in no line of the table.
pub(in crate::cli::uwsgi) struct Family {
    pub(in crate::cli::uwsgi) beginnings: &'static [&'static str],
    pub(in crate::cli::uwsgi) answer: Answer,
}

impl Family {
    pub(super) fn has(&self, name: &str) -> bool {
        self.beginnings.iter().any(|beginning| name.starts_with(beginning))
    }
}

const fn family(beginnings: &'static [&'static str], answer: Answer) -> Family {
    Family { beginnings, answer }
}

const METRICS: &str = "Prometheus's text at /metrics of --stats";
const JOBS: &str = "jobs want a process of their own, as systemd timers, cron, Celery or RQ give it";
const PYTHON: &str = "only Python is served";

pub(in crate::cli::uwsgi) const FAMILIES: &[Family] = &[
    family(
        &["alarm", "carbon", "metric", "enable-metrics", "snmp", "nagios", "ping", "rrdtool", "zabbix"],
        Lost(METRICS),
    ),
    family(
        &["cheaper-busyness-", "cheaper-rss-"],
        Lost("--min-workers looks at busy threads and at what waits"),
    ),
    family(&["websocket"], Refused { does: "tunes WebSockets", instead: "WebSockets want an ASGI server" }),
    family(
        &["ssl-", "sni", "https-", "sslrouter"],
        Nginx { does: "speaks TLS", how: "ssl_certificate, ssl_certificate_key and listen 443 ssl" },
    ),
    family(
        &["route", "final-route", "error-route", "response-route"],
        Nginx { does: "routes requests by rules", how: "location, rewrite or return" },
    ),
    family(
        &[
            "http-",
            "fastrouter-",
            "rawrouter",
            "subscri",
            "unsubscribe",
            "start-unsubscribed",
            "notify-socket",
        ],
        Refused { does: "passes requests on to other servers", instead: "nginx's upstream does" },
    ),
    family(
        &["multicast", "weight", "auto-weight"],
        Refused { does: "announces the instance to a router", instead: "name it in nginx's upstream" },
    ),
    family(
        &["forkpty", "tuntap", "pty-"],
        Refused { does: "passes terminals and networks on", instead: "ssh, or a VPN" },
    ),
    family(&["spooler-"], Refused { does: "runs queued tasks", instead: JOBS }),
    family(
        &["mule", "touch-mules", "touch-spoolers"],
        Refused { does: "runs programs beside the workers", instead: JOBS },
    ),
    family(
        &["cron", "unique-", "curl-cron", "legion-cron", "legion-curl", "rpc-"],
        Refused { does: "runs jobs", instead: JOBS },
    ),
    family(&["legion-"], Refused { does: "chooses one of several machines", instead: "keepalived" }),
    family(
        &["cache-", "add-cache", "load-file-in-cache", "queue-"],
        Refused { does: "keeps a cache or a queue", instead: "Redis, memcached or nginx's uwsgi_cache" },
    ),
    family(&["signal"], Refused { does: "raises signals of uWSGI's", instead: JOBS }),
    family(
        &["gevent", "ugreen", "stackless", "fiber", "coroae"],
        Refused {
            does: "serves requests in a loop of the application's",
            instead: "threads = N: the application runs in threads of worker processes",
        },
    ),
    family(
        &["emperor", "vassal", "early-emperor", "heartbeat"],
        Refused {
            does: "runs one instance for each file of a folder",
            instead: "a systemd unit for each site",
        },
    ),
    family(
        &["hook-", "exec-"],
        Refused {
            does: "runs a program or an action at that moment",
            instead: "systemd's ExecStartPre=, ExecStartPost=",
        },
    ),
    family(
        &["call-"],
        Refused { does: "calls a function of C at that moment", instead: "a module of Python's" },
    ),
    family(
        &["mount-", "umount-", "setns", "jail", "jid", "libjail"],
        Refused {
            does: "mounts filesystems or joins namespaces",
            instead: "systemd's RootDirectory=, PrivateMounts= and the like",
        },
    ),
    family(
        &["wait-"],
        Refused {
            does: "waits for something before the start",
            instead: "systemd's After= and ExecStartPre=",
        },
    ),
    family(&["perl-", "psgi-", "plshell"], Refused { does: "serves Perl", instead: PYTHON }),
    family(
        &["rails", "rack", "ruby", "rb", "gemset", "rvm", "require", "shared-r"],
        Refused { does: "serves Ruby", instead: PYTHON },
    ),
    family(
        &["php-", "lua", "cgi", "go-", "gccgo", "goroutines"],
        Refused { does: "serves another language", instead: PYTHON },
    ),
    family(
        &["jvm", "jwsgi", "ring-", "clojure", "mono-", "pypy", "v8-"],
        Refused { does: "serves another language", instead: PYTHON },
    ),
    family(
        &["xslt-", "webdav-", "glusterfs-", "rados-", "gridfs-", "dumbloop"],
        Refused { does: "serves what is no application", instead: "a server of its own" },
    ),
    family(
        &["zeromq", "zmq", "mongrel2", "sqlite", "ldap", "geoip", "pam", "log-zeromq"],
        Refused { does: "belongs to a plugin that is not here", instead: "take it out" },
    ),
    family(&["rsyslog-"], Needless("lines are whole")),
];
