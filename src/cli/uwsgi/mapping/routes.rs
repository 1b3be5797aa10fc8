//! uWSGI's internal routing, of which one action is here: `donotlog:`.

use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;
use crate::telemetry::access_log::Exception;

/// `route = REGEXP donotlog:`, on the variable that the option's name means.
pub(in crate::cli::uwsgi) fn route(
    draft: &mut Draft,
    ours: &'static str,
    given: &Directive,
) -> Result<(), Fault> {
    let rule = given.value().unwrap_or_default().trim();
    let (pattern, action) = rule.rsplit_once(char::is_whitespace).unwrap_or(("", rule));
    if !action.starts_with("donotlog:") {
        return Err(Fault::Refused {
            does: format!("routes requests by rules ({action})"),
            instead: "write it as nginx's location, rewrite or return".to_owned(),
        });
    }
    let variable =
        SUBJECTS.iter().find(|(name, _)| *name == given.name).map_or("PATH_INFO", |(_, variable)| variable);
    let exception = format!("{variable}={}", pattern.trim());
    if let Err(why) = Exception::parse(&exception) {
        return Err(Fault::Lost(format!("such requests are in the access log, too: {why}")));
    }
    draft.add(ours, exception);
    Ok(())
}

/// What a route looks at, where it is not PATH_INFO.
const SUBJECTS: &[(&str, &str)] = &[
    ("route-uri", "REQUEST_URI"),
    ("route-qs", "QUERY_STRING"),
    ("route-host", "HTTP_HOST"),
    ("route-referer", "HTTP_REFERER"),
    ("route-remote-addr", "REMOTE_ADDR"),
    ("route-remote-user", "REMOTE_USER"),
    ("route-user-agent", "HTTP_USER_AGENT"),
];
