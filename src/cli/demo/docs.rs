//! `docs`: the documentation of this version, for which no network is needed.

/// A page of it: its file's name, its text, and what it is about.
pub(super) const PAGES: [(&str, &str, &str); 17] = [
    ("README.md", include_str!("../../../README.md"), "what it is, Django behind nginx"),
    ("python.md", include_str!("../../../docs/python.md"), "Python: applications, Django, Flask"),
    ("rust.md", include_str!("../../../docs/rust.md"), "Rust"),
    ("nginx.md", include_str!("../../../docs/nginx.md"), "nginx: uwsgi, HTTP, FastCGI, SCGI"),
    ("uwsgi.md", include_str!("../../../docs/uwsgi.md"), "coming from uWSGI"),
    ("uwsgi-options.md", include_str!("../../../docs/uwsgi-options.md"), "uWSGI's options, one by one"),
    ("workers.md", include_str!("../../../docs/workers.md"), "workers, reloads and signals"),
    ("concurrency.md", include_str!("../../../docs/concurrency.md"), "how many workers and threads"),
    ("deploy.md", include_str!("../../../docs/deploy.md"), "deployment: systemd, containers, logs"),
    ("scale.md", include_str!("../../../docs/scale.md"), "many hosts, Kubernetes"),
    ("stats.md", include_str!("../../../docs/stats.md"), "statistics: top, Prometheus, uwsgitop"),
    ("static.md", include_str!("../../../docs/static.md"), "static files"),
    ("prefixes.md", include_str!("../../../docs/prefixes.md"), "applications below a prefix"),
    ("performance.md", include_str!("../../../docs/performance.md"), "how fast"),
    ("bench.md", include_str!("../../../docs/bench.md"), "measuring a server"),
    ("faq.md", include_str!("../../../docs/faq.md"), "questions: 502, 403, 413, 504, streams"),
    ("CHANGELOG.md", include_str!("../../../CHANGELOG.md"), "what is new"),
];

/// The page that the file of this name has.
pub(super) fn page(name: &[u8]) -> Option<&'static str> {
    PAGES.iter().find_map(|(file, text, _)| (file.as_bytes() == name).then_some(*text))
}
