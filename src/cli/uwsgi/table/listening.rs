//! Sockets, and what is spoken on them.

use super::super::mapping::{sockets, values};
use super::{Known, checked, lost, needless, nginx, refused, same};

const TLS: &str = "ssl_certificate, ssl_certificate_key and listen 443 ssl";
const KERNEL: &str = "sysctl has the kernel's defaults";
const MODIFIERS: &str = "Python's own is 0; another number means another language";
const ONE_WAY: &str = "start one server for each, and let nginx choose";

pub(super) const TABLE: &[Known] = &[
    same(&["socket"], "uwsgi", "or --http, --fastcgi, --scgi by what is spoken there", sockets::socket),
    same(&["uwsgi-socket"], "uwsgi", "", sockets::speaking),
    same(&["http-socket", "http11-socket"], "http", "", sockets::speaking),
    same(&["fastcgi-socket"], "fastcgi", "", sockets::speaking),
    same(&["scgi-socket"], "scgi", "", sockets::speaking),
    same(
        &["protocol", "socket-protocol"],
        "http",
        "or --uwsgi, --fastcgi, --scgi, for each socket",
        sockets::protocol,
    ),
    same(
        &["shared-socket", "undeferred-shared-socket"],
        "uwsgi",
        "or what refers to it by =N",
        sockets::shared,
    ),
    refused(
        &["fastcgi-nph-socket", "scgi-nph-socket", "raw-socket", "puwsgi-socket", "udp"],
        "speaks a protocol that is not here",
        "socket, http-socket, fastcgi-socket and scgi-socket are",
    ),
    nginx(&["suwsgi-socket", "ssl-socket", "https-socket"], "speaks TLS", TLS),
    checked(&["http-socket-modifier1", "http-socket-modifier2"], MODIFIERS, sockets::modifier),
    checked(&["https-socket-modifier1", "https-socket-modifier2"], MODIFIERS, sockets::modifier),
    checked(&["fastcgi-modifier1", "fastcgi-modifier2"], MODIFIERS, sockets::modifier),
    checked(
        &["scgi-modifier1", "scgi-modifier2", "raw-modifier1", "raw-modifier2"],
        MODIFIERS,
        sockets::modifier,
    ),
    refused(
        &["allowed-modifiers", "remap-modifier"],
        "chooses a language by modifier1",
        "only Python is served",
    ),
    same(&["chmod-socket", "chmod"], "socket-mode", "as 660", sockets::mode),
    same(&["chown-socket"], "socket-owner", "", sockets::owner),
    same(&["listen"], "backlog", "", values::number),
    same(&["abstract-socket"], "uwsgi", "as @name", sockets::all_abstract),
    same(&["enable-proxy-protocol"], "http-proxy-protocol", "for each http-socket", sockets::proxy_protocol),
    same(&["socket-timeout"], "write-timeout body-timeout", "", sockets::timeout),
    same(
        &["so-send-timeout", "socket-send-timeout", "so-write-timeout", "socket-write-timeout"],
        "write-timeout",
        "",
        values::number,
    ),
    needless(&["no-defer-accept"], "accept() is not deferred"),
    needless(&["thunder-lock"], "the kernel wakes one worker for a connection"),
    needless(&["reuse-port"], "all workers share each listener"),
    needless(&["tcp-nodelay"], "it is always set"),
    needless(&["so-keepalive"], "silent peers are bounded by --keep-alive and --write-timeout"),
    needless(
        &["shutdown-sockets", "close-on-exec", "close-on-exec2"],
        "sockets are not passed on to other programs",
    ),
    needless(&["no-fd-passing"], "no descriptors are passed"),
    lost(&["socket-sndbuf", "socket-rcvbuf"], KERNEL),
    lost(&["tcp-fast-open", "tcp-fastopen", "tcp-fast-open-client", "tcp-fastopen-client"], KERNEL),
    lost(&["freebind"], "net.ipv4.ip_nonlocal_bind=1 of sysctl"),
    lost(&["map-socket"], "every worker serves every socket"),
    needless(&["buffer-size"], "a request's head may have 64 KiB"),
    needless(&["max-vars", "response-headers-limit"], "a head is bounded by its bytes"),
    needless(&["post-buffering", "post-buffering-bufsize"], "a body is there when the application is called"),
    same(&["limit-post"], "max-body", "1g without it", values::positive),
    needless(
        &["chunked-input-limit", "chunked-input-timeout"],
        "--max-body and --body-timeout bound every body",
    ),
    lost(&["body-read-warning"], "--max-body bounds every body"),
    lost(&["upload-progress"], "nginx's upload progress module"),
    refused(&["vhost-host"], "chooses an application by the host's name", ONE_WAY),
    lost(&["vhost"], "every host has the one application; nginx's server_name chooses among servers"),
    refused(
        &["zerg", "zerg-fallback", "zerg-server", "zergpool", "zerg-pool"],
        "shares sockets of another instance",
        "SIGUSR2 hands them on to a new version",
    ),
];
