//! The options of `tidegate serve` that say what is told of it, and where.

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};

use super::record::LogFormat;
use super::values::{access_log_condition, access_log_format};
use crate::telemetry::access_log::{Condition, Exception, Format, Selection};

const ACCESS_FORMAT: &str = "\
The form of those lines: default, combined (nginx's and Apache's), json (an object a line), or a pattern with fields in \
braces, as '{remote_addr} {method} {uri} {status} {time_us}'. It has them written to stdout if nothing else does \
[default: default]";
const ACCESS_FIELDS: &str = "\
Fields: remote_addr (the client, REMOTE_ADDR), method, uri, protocol, request (these three), status, bytes (all that were \
sent), body_bytes, head_bytes, header_fields (how many), time and time_local (of the end), start:FORM and end:FORM (strftime's, \
as {start:%d/%b/%Y:%H:%M:%S %z}, in the machine's zone), start_epoch, start_epoch_ms, start_epoch_us and epoch (of the end), \
first_byte_us and time_us (microseconds from the request's first byte to the response's, and to its end), time_ms, time_s, \
wait_us (for a thread), host, user_agent, referer, request_id (X-Request-ID), remote_user, forwarded_for (X-Forwarded-For as \
it was sent, else remote_addr), content_length, variables and variables_bytes (how many were sent), var:NAME (any of them, as \
{var:HTTP_COOKIE}), log:NAME (what the application has set), steps (chunks that it was asked for), peer (who has the \
connection), worker, pid, thread, core (thread, from 0), requests and worker_requests (so far), rss, rss_mib, vsz, vsz_mib (of \
the worker), ending (complete; broken-off, where not all of the response was sent; timeout, where --timeout ended it), \
write_errors. What is not known is -, or nothing where a ? ends the name, as {remote_user?}; two braces are one. A client's \
bytes are escaped, so that they end no line, quotes or field.

default is '{time} {remote_addr} {method} {uri} {status} {bytes} {first_byte_us} {time_us}', and a ninth field where the \
ending is not complete.";

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(super) struct Telling {
    /// Write a line for each request to stdout.
    #[arg(long)]
    pub(super) access_log: bool,

    /// Write those lines to FILE, which SIGUSR1 opens anew; - is stdout.
    #[arg(long, value_name = "FILE")]
    pub(super) access_log_file: Option<PathBuf>,

    // Brackets and braces in a doc comment would be links.
    #[arg(long, value_name = "FORMAT", value_parser = access_log_format,
          help = ACCESS_FORMAT, long_help = format!("{ACCESS_FORMAT}\n\n{ACCESS_FIELDS}"))]
    pub(super) access_log_format: Option<Format>,

    /// Write a line only for requests of which one of these is true: 4xx or another hundred of statuses, slower=SECONDS,
    /// larger=SIZE (the body that was sent), empty (no body), broken-off.
    ///
    /// It may be given several times, or as a list with commas.
    #[arg(long, value_name = "CONDITION", value_parser = access_log_condition, value_delimiter = ',')]
    access_log_only: Vec<Condition>,

    /// Write no line for requests of which a variable matches a regular expression, as PATH_INFO=^/health or
    /// HTTP_USER_AGENT=kube-probe. May be given several times.
    #[arg(long, value_name = "NAME=PATTERN", value_parser = Exception::parse)]
    access_log_except: Vec<Exception>,

    /// Write the log, and all that the application writes to stdout and stderr, to FILE, which SIGUSR1 opens anew.
    #[arg(long, value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,

    /// The form of the log: text, or json, an object a line with time, level, worker, pid, target and message. What the
    /// application itself writes to stdout and stderr stays as it is.
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true, default_value_t = LogFormat::Text)]
    pub(super) log_format: LogFormat,

    /// Tell each request's whole story on stdout: the packet, the environ, start_response, every write.
    #[arg(long)]
    pub(super) trace: bool,

    /// Log more: debug, and with -vv all there is. RUST_LOG has the last word.
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) verbose: u8,

    /// Log less: warnings, and with -qq only errors.
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(super) quiet: u8,
}

impl Telling {
    /// Whether there is to be an access log, which is so in development without being asked for.
    pub(super) fn wants_access_log(&self, in_development: bool) -> bool {
        in_development
            || self.access_log
            || self.access_log_file.is_some()
            || self.access_log_format.is_some()
            || !self.access_log_only.is_empty()
            || !self.access_log_except.is_empty()
    }

    /// Which requests it has.
    pub(super) fn selection(&self) -> Selection {
        Selection { only: self.access_log_only.clone(), except: self.access_log_except.clone() }
    }

    /// The file of the access log; - is none, but stdout.
    pub(super) fn access_log_path(&self) -> Option<&Path> {
        self.access_log_file.as_deref().filter(|path| *path != Path::new("-"))
    }
}
