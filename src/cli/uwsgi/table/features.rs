//! What uWSGI has beside serving an application.

use super::super::mapping::routes;
use super::{Known, refused, same};

const JOBS: &str = "jobs want a process of their own, as systemd timers, cron, Celery or RQ give it";
const THREADS: &str = "threads = N: the application runs in threads of worker processes";
const OWN_CACHE: &str = "Redis, memcached or nginx's uwsgi_cache";
const SITES: &str = "a systemd unit for each site, as deploy/tidegate@.service";
const ROUTES: &str = "write it as nginx's location, rewrite or return";

pub(super) const TABLE: &[Known] = &[
    refused(&["mule", "mules", "farm"], "runs a program beside the workers", JOBS),
    refused(&["spooler"], "runs queued tasks", JOBS),
    refused(&["cron", "cron2", "unique-cron"], "runs a program at its times", JOBS),
    refused(
        &["signal", "signal-timer", "timer", "signal-rbtimer", "rbtimer"],
        "raises signals of uWSGI's",
        JOBS,
    ),
    refused(
        &["gevent", "gevent-monkey-patch", "gevent-early-monkey-patch"],
        "serves requests as greenlets",
        THREADS,
    ),
    refused(
        &["async", "asyncio", "tornado", "greenlet", "ugreen"],
        "serves requests in a loop of the application's",
        THREADS,
    ),
    refused(&["cache2", "cache"], "keeps a cache that the application asks for", OWN_CACHE),
    refused(&["queue", "sharedarea"], "shares memory that the application asks for", OWN_CACHE),
    refused(&["emperor"], "runs one instance for each file of a folder", SITES),
    refused(
        &["subscribe-to", "st", "subscribe", "subscribe2"],
        "announces the instance to a router",
        "name it in nginx's upstream",
    ),
    refused(&["fastrouter"], "passes requests on to other servers", "nginx's upstream does"),
    refused(&["legion"], "chooses one of several machines", "keepalived"),
    same(
        &[
            "route",
            "route-uri",
            "route-qs",
            "route-host",
            "route-referer",
            "route-remote-addr",
            "route-remote-user",
            "route-user-agent",
        ],
        "access-log-except",
        "for donotlog:, which is the one action that is here",
        routes::route,
    ),
    refused(&["route-if", "route-if-not", "route-run"], "routes requests by rules", ROUTES),
    refused(&["psgi"], "serves Perl", "only Python is served"),
];
