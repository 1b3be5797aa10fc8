//! Static files, and what is done to responses.

use super::super::mapping::{files, values};
use super::{Known, lost, needless, nginx, refused, same};

const ROUTES: &str = "write it as nginx's location, rewrite or return";

pub(super) const TABLE: &[Known] = &[
    same(&["static-map"], "static", "as /static=/srv/app/static", files::map),
    same(&["check-static", "static-check"], "static", "as /=DIR", files::check),
    same(&["static-map2"], "static", "as /PREFIX=DIR/PREFIX", files::map2),
    nginx(&["check-static-docroot"], "serves files of DOCUMENT_ROOT", "try_files $uri @app"),
    same(&["static-safe"], "static-follow-links", "for every folder", files::follow),
    same(&["static-index"], "static-index", "without it no folder is served", values::list),
    same(
        &[
            "static-expires",
            "static-expires-type",
            "static-expires-uri",
            "static-expires-path-info",
            "static-expires-mtime",
            "static-expires-type-mtime",
            "static-expires-uri-mtime",
            "static-expires-path-info-mtime",
        ],
        "static-expires",
        "as file:REGEXP=SECONDS; type:, uri:, path:",
        files::expires,
    ),
    same(&["static-skip-ext"], "static-skip-ext", "", values::list),
    needless(
        &["static-gzip", "static-gzip-all", "static-gzip-ext", "static-gzip-suffix"],
        "FILE.gz and FILE.br go where the client takes them",
    ),
    lost(&["static-gzip-dir", "static-gzip-prefix"], "FILE.gz lies beside FILE"),
    needless(&["static-cache-paths", "static-cache-paths-name"], "files are found without a cache"),
    needless(&["honour-range"], "ranges of files are sent"),
    needless(&["offload-threads", "offload-thread"], "files are sent by the loop, beside the application"),
    needless(
        &["file-serve-mode", "fileserve-mode", "disable-sendfile"],
        "files are sent by sendfile, wherever it can be used",
    ),
    lost(&["mimefile", "mime-file"], "types go by the files' names"),
    same(&["add-header"], "header", "", files::header),
    nginx(
        &["rem-header", "del-header", "pull-header"],
        "takes headers out of responses",
        "uwsgi_hide_header NAME",
    ),
    lost(&["collect-header", "response-header-collect"], "the access log has no response headers"),
    lost(&["error-page-403", "error-page-404", "error-page-500"], "error_page in nginx"),
    nginx(&["check-cache"], "answers from a cache", "uwsgi_cache"),
    refused(&["mode"], "sets a mode that the application asks for", "an environment variable: env"),
    nginx(&["cgi-mode"], "has responses begin as CGI's", ROUTES),
];
