//! uWSGI's HTTP router: a process that speaks HTTP to clients and uwsgi to workers. Here each worker speaks HTTP.

use super::super::mapping::{sockets, values};
use super::{Known, lost, needless, nginx, refused, same};

const NO_ROUTER: &str = "workers speak HTTP themselves";
const UPSTREAM: &str = "nginx's upstream passes requests on";

pub(super) const TABLE: &[Known] = &[
    same(&["http", "httprouter"], "http", "the workers speak HTTP themselves", sockets::router),
    same(
        &["http-enable-proxy-protocol"],
        "http-proxy-protocol",
        "in the place of --http",
        sockets::proxy_protocol,
    ),
    same(
        &["http-timeout"],
        "write-timeout body-timeout",
        "harakiri bounds the application",
        sockets::timeout,
    ),
    same(&["http-headers-timeout"], "head-timeout", "", values::positive),
    needless(&["http-keepalive"], "connections are kept alive for --keep-alive seconds"),
    needless(&["http-auto-chunked"], "a body without a length is sent in chunks"),
    needless(
        &["http-raw-body", "http-chunked-input", "http-manage-expect"],
        "a body in chunks is read, and Expect answered",
    ),
    needless(&["http-processes", "http-workers", "http-events", "http-buffer-size", "http-cheap"], NO_ROUTER),
    needless(&["http-quiet", "http-gracetime", "http-harakiri", "http-connect-timeout"], NO_ROUTER),
    needless(&["http-uid", "http-gid"], NO_ROUTER),
    lost(&["http-stats", "http-stats-server", "http-ss"], "--stats tells of HTTP too"),
    lost(&["http-auto-gzip"], "gzip on, in nginx, or a middleware"),
    lost(&["http-server-name-as-http-host"], "the application has HTTP_HOST"),
    refused(&["http-websockets"], "passes WebSockets on", "WebSockets want an ASGI server"),
    refused(
        &["http-manage-source", "http-manage-rtsp", "http-stud-prefix"],
        "speaks what is no HTTP",
        UPSTREAM,
    ),
    nginx(&["https", "https2"], "speaks TLS", "ssl_certificate, ssl_certificate_key and listen 443 ssl"),
    nginx(
        &["https-export-cert"],
        "hands the client's certificate on",
        "uwsgi_param HTTPS_CC $ssl_client_raw_cert",
    ),
    nginx(&["http-to-https"], "sends clients to https", "return 301 https://$host$request_uri"),
    nginx(&["http-var"], "adds a variable to each request", "uwsgi_param NAME value"),
    refused(
        &["http-to", "http-fallback", "http-use-base", "http-use-pattern"],
        "passes requests on to other servers",
        UPSTREAM,
    ),
    refused(
        &["http-use-code-string", "http-use-cache", "http-use-socket"],
        "passes requests on to other servers",
        UPSTREAM,
    ),
    refused(&["http-modifier1", "http-modifier2"], "chooses a language", "only Python is served"),
];
