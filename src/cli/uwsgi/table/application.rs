//! What is served, and in which Python.

use super::super::mapping::{application, values};
use super::{Known, checked, lost, needless, refused, same};

const FORKS: &str = "os.fork() makes the workers, with all of Python's hooks";
const BUILT_IN: &str = "Python, HTTP, FastCGI, SCGI and the loggers are built in; other plugins are refused";
const PYTHON_ITSELF: &str = "start python for it";
const WSGI_ALONE: &str = "WSGI is the only interface";

pub(super) const TABLE: &[Known] = &[
    same(&["module", "wsgi"], "app", "as module:callable", application::module),
    same(&["wsgi-file", "file"], "app", "as ./file.py:callable", application::file),
    same(&["callable"], "app", "behind the module and a colon", application::callable),
    same(&["mount", "worker-mount"], "mount", "the first has the other paths too", application::mount),
    same(&["no-default-app"], "mount", "without an APP: other paths are 404", application::no_default_app),
    needless(&["manage-script-name"], "--mount sets SCRIPT_NAME and PATH_INFO"),
    needless(&["ignore-script-name"], "an application without a prefix takes any SCRIPT_NAME"),
    same(&["need-app"], "need-app", "without it requests are answered with 500", values::flag),
    same(&["paste", "ini-paste"], "app", "as paste.deploy:loadapp('config:…')", application::paste),
    same(&["pecan"], "app", "as pecan.deploy:deploy('…')", application::pecan),
    same(&["pythonpath", "python-path", "pp"], "pythonpath", "", application::pythonpath),
    same(
        &["home", "virtualenv", "venv", "pyhome"],
        "virtualenv",
        "of the same version of Python",
        values::text,
    ),
    same(&["pyargv"], "pyargv", "", values::text),
    same(&["import", "pyimport", "py-import", "python-import"], "import", "", application::import),
    same(
        &["shared-import", "shared-pyimport", "shared-py-import", "shared-python-import"],
        "import",
        "",
        application::import,
    ),
    refused(
        &["eval"],
        "serves what Python code of the configuration says",
        "write it into a file: wsgi-file",
    ),
    refused(
        &["web3", "pump", "wsgi-lite", "python-raw"],
        "serves an application that is no WSGI",
        WSGI_ALONE,
    ),
    refused(
        &["pymodule-alias", "post-pymodule-alias"],
        "gives a module another name",
        "sys.modules['alias'] = module, in the application",
    ),
    refused(&["py-sharedarea", "python-worker-override"], "runs Python beside requests", PYTHON_ITSELF),
    refused(
        &["python", "py", "pyrun", "pyshell", "pyshell-oneshot", "test", "python-version"],
        "runs Python in the place of a server",
        PYTHON_ITSELF,
    ),
    needless(&["single-interpreter"], "a worker has one interpreter"),
    needless(&["enable-threads"], "Python's threads always run"),
    needless(&["py-call-osafterfork", "py-call-uwsgi-fork-hooks"], FORKS),
    checked(&["plugins", "plugin", "need-plugins", "need-plugin"], BUILT_IN, application::plugin),
    needless(&["plugins-dir", "plugin-dir", "autoload"], "Python is built in"),
    needless(&["no-site", "optimize"], "the interpreter is running by then: set PYTHONOPTIMIZE"),
    needless(&["py-programname", "py-program-name"], "it is the interpreter's own"),
    needless(&["py-executable", "py-sys-executable"], "it is the interpreter's own"),
    needless(&["max-apps"], "there is no bound"),
    needless(&["wsgi-env-behaviour", "wsgi-env-behavior"], "each request has an environ of its own"),
    needless(&["wsgi-strict"], "PEP 3333 is always held to"),
    needless(&["wsgi-disable-file-wrapper"], "wsgi.file_wrapper works with any front end"),
    lost(&["start_response-nodelay"], "the head leaves with the first chunk, as PEP 3333 asks"),
    lost(&["wsgi-accept-buffer", "wsgi-accept-buffers"], "chunks are bytes, as PEP 3333 asks"),
    lost(&["reload-os-env"], "os.environ is the process's"),
    lost(&["paste-logger", "ini-paste-logged"], "logging.config.fileConfig() in the application"),
    lost(&["py-tracebacker"], "--timeout logs where each thread was; py-spy looks at any time"),
    same(
        &["py-auto-reload", "py-autoreload", "python-auto-reload", "python-autoreload"],
        "reload",
        "which waits for no interval, and shows a page where the code cannot be loaded",
        application::auto_reload,
    ),
    lost(&["py-auto-reload-ignore"], "--reload watches the application's own modules"),
    lost(&["catch-exceptions"], "--reload shows tracebacks; the log has them always"),
    lost(
        &[
            "reload-on-exception",
            "reload-on-exception-type",
            "reload-on-exception-value",
            "reload-on-exception-repr",
        ],
        "an exception is a 500, and its worker serves on",
    ),
    lost(&["exception-handler"], "a middleware as Sentry's"),
    lost(&["profiler"], "py-spy profiles a running worker"),
    refused(
        &["after-request-hook", "after-request-call"],
        "calls a function of C after requests",
        "a middleware",
    ),
];
