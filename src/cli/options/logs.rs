//! The options of `tidegate serve` that say what is told of it, and where.

use std::path::Path;

use clap::{ArgAction, Args, ValueHint};

use crate::cli::log_target::LogTarget;
use crate::cli::record::LogFormat;
use crate::cli::values::{Size, access_log_condition, access_log_format};
use crate::telemetry::access_log::{Condition, Exception, Format, Selection};
use crate::telemetry::local_time;

const ACCESS_FORMAT: &str = "\
The form of those lines: default, combined (nginx's and Apache's), json (an object a line), or a pattern with fields in \
braces, as '{remote_addr} {method} {uri} {status} {time_us}'. It has them written to stdout if nothing else does \
[default: default]";
const ACCESS_FIELDS: &str = "\
Fields: remote_addr (the client, REMOTE_ADDR), method, uri, protocol, request (these three), status, bytes (all that were \
sent), body_bytes, head_bytes, header_fields (how many), time and time_local (of the end), start:FORM and end:FORM (strftime's, \
as {start:%d/%b/%Y:%H:%M:%S %z}, in the machine's zone), start_epoch, start_epoch_ms, start_epoch_us, and epoch, epoch_ms, epoch_us \
(of the end), first_byte_us and time_us (microseconds from the request's first byte to the response's, and to its end), time_ms, time_s, \
wait_us (for a thread), host, user_agent, referer, request_id (X-Request-ID), remote_user, forwarded_for (X-Forwarded-For as \
it was sent, else remote_addr), content_length, variables and variables_bytes (how many were sent), var:NAME (any of them, as \
{var:HTTP_COOKIE}), log:NAME (what the application has set), steps (chunks that it was asked for), peer (who has the \
connection), worker, pid, thread, core (thread, from 0), requests and worker_requests (so far), rss, rss_mib, vsz, vsz_mib (of \
the worker), ending (complete; broken-off, where not all of the response was sent; timeout, where --timeout ended it), \
write_errors. What is not known is -, or nothing where a ? ends the name, as {remote_user?}; two braces are one. A client's \
bytes are escaped, so that they end no line, quotes or field. A pattern that begins with 'escape=json ' has them escaped as \
inside a string of JSON, as nginx's log_format has it: 'escape=json {{\"uri\":\"{uri}\",\"status\":{status}}}'.

default is '{time} {remote_addr} {method} {uri} {status} {bytes} {first_byte_us} {time_us}', and a ninth field where the \
ending is not complete.";

#[derive(Args, Debug)]
#[command(next_help_heading = "Output")]
pub(in crate::cli) struct Telling {
    /// Write a line for each request to stdout.
    #[arg(long)]
    pub(in crate::cli) access_log: bool,

    /// Write those lines to FILE, which SIGUSR1 opens anew; - is stdout. Or send them: syslog:NAME, syslog://HOST/NAME,
    /// udp://HOST:PORT, unix:PATH, fd:N, as with --log-file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) access_log_file: Option<LogTarget>,

    // Brackets and braces in a doc comment would be links.
    #[arg(long, value_name = "FORMAT", value_parser = access_log_format,
          help = ACCESS_FORMAT, long_help = format!("{ACCESS_FORMAT}\n\n{ACCESS_FIELDS}"))]
    pub(in crate::cli) access_log_format: Option<Format>,

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

    /// Write the log, and all that the application writes to stdout and stderr, to FILE, which SIGUSR1 opens anew. Or send
    /// it, a line a message: syslog:NAME, udp://HOST:PORT and others.
    ///
    /// syslog:NAME,FACILITY is the machine's own syslog, syslog://HOST:PORT/NAME,FACILITY another's over UDP (port 514 and
    /// daemon unless they are given); udp://HOST:PORT and unix:PATH have the plain line in each datagram; fd:N is a
    /// descriptor that the process was started with. What a reader does not take at once is lost, and counted.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(in crate::cli) log_file: Option<LogTarget>,

    /// Move each of the two files away when it is larger than SIZE, and go on with an empty one. The master looks once a
    /// second [default: no bound]
    #[arg(long, value_name = "SIZE")]
    log_max_size: Option<Size>,

    /// What its name then has behind it, with strftime's fields, as .%Y%m%d-%H%M%S. A file that is called so is replaced
    /// [default: .1]
    #[arg(long, value_name = "SUFFIX", value_parser = suffix)]
    log_backup: Option<String>,

    /// The form of the log: text, or json, an object a line with time, level, worker, pid, target and message. What the
    /// application itself writes to stdout and stderr stays as it is.
    #[arg(long, value_name = "FORMAT", value_enum, hide_possible_values = true, default_value_t = LogFormat::Text)]
    pub(in crate::cli) log_format: LogFormat,

    /// Tell each request's whole story on stdout: the packet, the environ, start_response, every write.
    #[arg(long)]
    pub(in crate::cli) trace: bool,

    /// Log more: debug, and with -vv all there is. RUST_LOG has the last word.
    #[arg(short, long, action = ArgAction::Count)]
    pub(in crate::cli) verbose: u8,

    /// Log less: warnings, and with -qq only errors.
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(in crate::cli) quiet: u8,
}

/// When a file is moved away, and how it is called then.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Rotation {
    pub(in crate::cli) bytes_max: u64,
    /// With strftime's fields.
    pub(in crate::cli) suffix: String,
}

/// What is put behind the name of a file.
fn suffix(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', '\0']) {
        return Err("write what is put behind the file's name, as .1".to_owned());
    }
    local_time::check(text).map(|()| text.to_owned())
}

impl Telling {
    /// Whether there is to be an access log, which is so in development without being asked for.
    pub(in crate::cli) fn wants_access_log(&self, in_development: bool) -> bool {
        in_development
            || self.access_log
            || self.access_log_file.is_some()
            || self.access_log_format.is_some()
            || !self.access_log_only.is_empty()
            || !self.access_log_except.is_empty()
    }

    /// Which requests it has.
    pub(in crate::cli) fn selection(&self) -> Selection {
        Selection { only: self.access_log_only.clone(), except: self.access_log_except.clone() }
    }

    /// Where the access log goes; - is none, but stdout.
    pub(in crate::cli) fn access_log_target(&self) -> Option<&LogTarget> {
        self.access_log_file.as_ref().filter(|target| **target != LogTarget::Standard)
    }

    /// Where the log goes, if not to stderr.
    pub(in crate::cli) fn log_target(&self) -> Option<&LogTarget> {
        self.log_file.as_ref().filter(|target| **target != LogTarget::Standard)
    }

    /// The files that are written.
    pub(in crate::cli) fn paths(&self) -> impl Iterator<Item = &Path> {
        [self.log_target(), self.access_log_target()].into_iter().flatten().filter_map(LogTarget::path)
    }

    /// When files are moved away.
    pub(in crate::cli) fn rotation(&self) -> Option<Rotation> {
        let suffix = self.log_backup.clone().unwrap_or_else(|| ".1".to_owned());
        self.log_max_size.map(|Size(bytes_max)| Rotation { bytes_max, suffix })
    }
}
