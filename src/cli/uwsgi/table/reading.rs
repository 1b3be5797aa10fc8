//! What belongs to the language of configurations, and commands that print something.

use super::{Known, lost, needless, read, refused};

const FILES: &str = "another file, or another section";
const LOGIC: &str = "what stands up to its end counts only if it is so";
pub(super) const PRINTS: &str = "prints something and ends";

pub(super) const TABLE: &[Known] = &[
    read(&["ini", "xml", "xmlconfig", "yaml", "yml", "json", "js", "config"], FILES),
    read(&["include", "inherit"], FILES),
    read(&["set", "set-placeholder", "set-ph"], "a value for %(name)"),
    read(
        &["for", "for-glob", "for-times", "for-readline", "endfor", "end-for"],
        "once for each value, in %(_)",
    ),
    read(&["if-env", "ifenv", "if-not-env", "if-opt", "if-not-opt", "if-reload", "if-not-reload"], LOGIC),
    read(&["if-exists", "ifexists", "if-not-exists", "if-file", "if-not-file"], LOGIC),
    read(&["if-dir", "ifdir", "if-directory", "if-not-dir", "if-plugin", "ifplugin", "if-not-plugin"], LOGIC),
    read(&["if-hostname", "if-not-hostname", "if-hostname-match", "if-not-hostname-match"], LOGIC),
    read(&["endif", "end-if"], "the end of an if"),
    read(&["strict"], "an unknown name is an error"),
    read(&["print", "iprint"], "printed as it is read"),
    read(&["show-config"], "the configuration as it is read is printed"),
    read(&["exit"], "nothing is served"),
    refused(&["resolve"], "asks the DNS for a placeholder's value", "write the address"),
    refused(&["inject-before", "inject-after"], "adds text to each file that is read", "include"),
    refused(
        &["declare-option", "declare-option2"],
        "makes an option of one's own",
        "write what it stands for",
    ),
    lost(
        &["blacklist", "end-blacklist", "whitelist", "end-whitelist"],
        "nobody else writes this configuration",
    ),
    lost(&["fallback-config"], "systemd's OnFailure="),
    needless(&["no-server", "command-mode", "force-gateway"], "there is always a server"),
    refused(
        &["help", "usage", "version", "cflags", "dot-h", "config-py", "get"],
        PRINTS,
        "tidegate uwsgi --help",
    ),
    refused(
        &["dump-options", "plugins-list", "plugin-list", "loop-list", "loops-list"],
        PRINTS,
        "docs/uwsgi-options.md",
    ),
    refused(
        &["logger-list", "loggers-list", "clock-list", "clocks-list", "alarm-list", "alarms-list"],
        PRINTS,
        "docs/uwsgi-options.md",
    ),
    refused(
        &["cheaper-algo-list", "cheaper-algos-list", "cheaper-list", "router-list", "routers-list"],
        PRINTS,
        "docs/uwsgi-options.md",
    ),
    refused(
        &["imperial-monitor-list", "imperial-monitors-list", "print-sym", "print-symbol"],
        PRINTS,
        "docs/uwsgi-options.md",
    ),
    refused(&["connect-and-read", "extract", "build-plugin", "binary-append-data"], PRINTS, "uwsgi itself"),
    refused(
        &["privileged-binary-patch", "unprivileged-binary-patch"],
        "becomes another program",
        "start that",
    ),
    refused(
        &["privileged-binary-patch-arg", "unprivileged-binary-patch-arg"],
        "becomes another program",
        "start that",
    ),
    refused(
        &["dlopen", "symcall", "symcall-use-next", "symcall-register-rpc", "symcall-post-fork"],
        "calls C",
        "a module of Python's",
    ),
];
