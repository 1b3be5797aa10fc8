//! The fields that a line may have, and their names.

/// A field of a pattern.
pub(super) enum Field {
    Told(Told),
    Known(Known),
    Time(Time),
}

/// What a request says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Variable(Vec<u8>),
    /// The variable, or else the peer's address.
    Client,
    /// X-Forwarded-For as it was sent, or else the same.
    ForwardedFor,
    Uri,
    /// `GET /path HTTP/1.1`
    RequestLine,
    /// What the application has set under this name while it had the request.
    Noted(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// `2026-11-22T16:00:00.123Z`
    Date,
    /// `22/Nov/2026:16:00:00 +0000`
    Common,
    /// As strftime(3) writes it, in the machine's zone.
    Local { form: String, of_start: bool },
}

/// What the server knows at the request's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Peer,
    Status,
    /// With three digits at least, as nginx has it.
    ThreeDigits,
    Bytes,
    BodyBytes,
    HeadBytes,
    HeaderFields,
    FirstByteMicros,
    Micros,
    Millis,
    Seconds,
    WaitMicros,
    StartEpoch,
    StartEpochMillis,
    StartEpochMicros,
    Epoch,
    EpochMillis,
    EpochMicros,
    ContentLength,
    Variables,
    VariablesBytes,
    Steps,
    Worker,
    Pid,
    Thread,
    Core,
    Requests,
    WorkerRequests,
    Rss,
    RssMib,
    Vsz,
    VszMib,
    Ending,
    WriteErrors,
}

/// The field of this name. Whether its name ends with a question mark, so that nothing stands for what is not known, is
/// not its business.
pub(super) fn field(name: &str) -> Option<Field> {
    let variable = |name: &str| Field::Told(Told::Variable(name.as_bytes().to_vec()));
    let parts = name.split_once(':').filter(|(_, argument)| !argument.is_empty());
    match parts {
        Some(("var", name)) => return Some(variable(name)),
        Some(("log", name)) => return Some(Field::Told(Told::Noted(name.to_owned()))),
        Some((moment @ ("start" | "end"), form)) => {
            let form = form.to_owned();
            return Some(Field::Time(Time::Local { form, of_start: moment == "start" }));
        }
        _ => {}
    }
    Some(match name {
        "time" => Field::Time(Time::Date),
        "time_local" => Field::Time(Time::Common),
        "remote_addr" => Field::Told(Told::Client),
        "forwarded_for" => Field::Told(Told::ForwardedFor),
        "remote_user" => variable("REMOTE_USER"),
        "request" => Field::Told(Told::RequestLine),
        "method" => variable("REQUEST_METHOD"),
        "uri" => Field::Told(Told::Uri),
        "protocol" => variable("SERVER_PROTOCOL"),
        "user_agent" => variable("HTTP_USER_AGENT"),
        "referer" => variable("HTTP_REFERER"),
        "host" => variable("HTTP_HOST"),
        "request_id" => variable("HTTP_X_REQUEST_ID"),
        name => Field::Known(known(name)?),
    })
}

/// Whether the name is a moment, with the form of its time behind it.
pub(super) fn is_of_time(name: &str) -> bool {
    name.starts_with("start:") || name.starts_with("end:")
}

fn known(name: &str) -> Option<Known> {
    Some(match name {
        "peer" => Known::Peer,
        "status" => Known::ThreeDigits,
        "bytes" => Known::Bytes,
        "body_bytes" => Known::BodyBytes,
        "head_bytes" => Known::HeadBytes,
        "header_fields" => Known::HeaderFields,
        "first_byte_us" => Known::FirstByteMicros,
        "time_us" => Known::Micros,
        "time_ms" => Known::Millis,
        "time_s" => Known::Seconds,
        "wait_us" => Known::WaitMicros,
        "start_epoch" => Known::StartEpoch,
        "start_epoch_ms" => Known::StartEpochMillis,
        "start_epoch_us" => Known::StartEpochMicros,
        "epoch" => Known::Epoch,
        "epoch_ms" => Known::EpochMillis,
        "epoch_us" => Known::EpochMicros,
        "content_length" => Known::ContentLength,
        "variables" => Known::Variables,
        "variables_bytes" => Known::VariablesBytes,
        "steps" => Known::Steps,
        "worker" => Known::Worker,
        "pid" => Known::Pid,
        "thread" => Known::Thread,
        "core" => Known::Core,
        "requests" => Known::Requests,
        "worker_requests" => Known::WorkerRequests,
        "rss" => Known::Rss,
        "rss_mib" => Known::RssMib,
        "vsz" => Known::Vsz,
        "vsz_mib" => Known::VszMib,
        "ending" => Known::Ending,
        "write_errors" => Known::WriteErrors,
        _ => return None,
    })
}

/// The names that [`field`] knows, in the order in which they are best told.
pub(super) const FIELDS: [&str; 46] = [
    "remote_addr",
    "method",
    "uri",
    "protocol",
    "request",
    "status",
    "bytes",
    "body_bytes",
    "head_bytes",
    "header_fields",
    "time",
    "time_local",
    "first_byte_us",
    "time_us",
    "time_ms",
    "time_s",
    "wait_us",
    "start_epoch",
    "start_epoch_ms",
    "start_epoch_us",
    "epoch",
    "epoch_ms",
    "epoch_us",
    "host",
    "user_agent",
    "referer",
    "request_id",
    "remote_user",
    "forwarded_for",
    "content_length",
    "variables",
    "variables_bytes",
    "steps",
    "peer",
    "worker",
    "pid",
    "thread",
    "core",
    "requests",
    "worker_requests",
    "rss",
    "rss_mib",
    "vsz",
    "vsz_mib",
    "ending",
    "write_errors",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_a_field() {
        for name in FIELDS.into_iter().chain(["var:X", "log:x", "start:%s", "end:%d/%b:%H"]) {
            assert!(field(name).is_some(), "{name}");
        }
        for name in ["", "var:", "log:", "start", "end:", "Method", " method", "uri ", "x:y"] {
            assert!(field(name).is_none(), "{name:?}");
        }
    }
}
