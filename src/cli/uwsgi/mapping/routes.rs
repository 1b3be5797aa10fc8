//! uWSGI's internal routing, of which one action breaks nothing when it is left out.

use super::{Draft, Fault};
use crate::cli::uwsgi::language::Directive;

pub(in crate::cli::uwsgi) fn route(_: &mut Draft, _: &'static str, given: &Directive) -> Result<(), Fault> {
    let action = given.value().and_then(|rule| rule.split_whitespace().last()).unwrap_or_default();
    if action.starts_with("donotlog:") {
        return Err(Fault::Lost("such requests are in the access log, too".to_owned()));
    }
    Err(Fault::Refused {
        does: format!("routes requests by rules ({action})"),
        instead: "write it as nginx's location, rewrite or return".to_owned(),
    })
}
