//! uWSGI's forms of a request's line, as patterns of `--access-log-format`.

/// What other options say of the lines.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Style {
    /// The form of `%(ftime)`: logdate's, under logformat-strftime.
    pub(in crate::cli) ftime: Option<String>,
    /// The client is X-Forwarded-For's: log-x-forwarded-for.
    pub(in crate::cli) forwarded_for: bool,
    /// The line without a form of its own has microseconds: log-micros.
    pub(in crate::cli) micros: bool,
    /// It begins with the worker's memory: memory-report.
    pub(in crate::cli) memory: bool,
}

/// A pattern, and what of uWSGI's it cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Translated {
    pub(in crate::cli) pattern: String,
    /// Names of variables in whose place a dash stands.
    pub(in crate::cli) lost: Vec<String>,
}

/// The pattern of a log-format.
pub(in crate::cli) fn translate(form: &str, style: &Style) -> Translated {
    let (mut translated, mut rest) = (Translated::default(), form);
    while let Some((before, from)) = rest.split_once("%(") {
        let Some((name, behind)) = from.split_once(')').filter(|(name, _)| !name.is_empty()) else {
            translated.pattern += &literal(before);
            translated.pattern += "%(";
            rest = from;
            continue;
        };
        translated.pattern += &literal(before);
        match field(name, style) {
            Some(field) => translated.pattern += &field,
            None => {
                translated.pattern.push('-');
                translated.lost.push(name.to_owned());
            }
        }
        rest = behind;
    }
    translated.pattern += &literal(rest);
    translated
}

/// The line that uWSGI writes without a log-format.
pub(in crate::cli) fn default_line(style: &Style) -> String {
    let memory = if style.memory {
        "{{address space usage: {vsz} bytes/{vsz_mib}MB}} {{rss usage: {rss} bytes/{rss_mib}MB}} "
    } else {
        ""
    };
    let client = if style.forwarded_for { "{forwarded_for}" } else { "{remote_addr}" };
    let time = if style.micros { "{time_us} micros" } else { "{time_ms} msecs" };
    format!(
        "{memory}[pid: {{pid}}|app: 0|req: {{worker_requests}}/{{requests}}] {client} ({{remote_user?}}) \
         {{{{{{variables}} vars in {{variables_bytes}} bytes}}}} [{CTIME}] {{method}} {{uri}} => generated {{body_bytes}} \
         bytes in {time} ({{protocol}} {{status}}) {{header_fields}} headers in {{head_bytes}} bytes ({{steps}} switches on \
         core {{core}})"
    )
}

/// Text that is no field.
pub(super) fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The field for one of uWSGI's variables; `None` if there is none.
fn field(name: &str, style: &Style) -> Option<String> {
    let ours = match name {
        "uri" | "method" | "host" | "referer" | "status" | "pid" | "core" | "rss" | "vsz" | "epoch" => name,
        "addr" if style.forwarded_for => "forwarded_for",
        "addr" => "remote_addr",
        "user" => "remote_user",
        "proto" => "protocol",
        "uagent" => "user_agent",
        "rsize" => "body_bytes",
        "hsize" => "head_bytes",
        "size" => "bytes",
        "cl" => "content_length",
        "micros" => "time_us",
        "msecs" => "time_ms",
        "secs" => "time_s",
        "time" => "start_epoch",
        "tmsecs" => "start_epoch_ms",
        "tmicros" => "start_epoch_us",
        "wid" => "worker",
        "switches" => "steps",
        "vars" => "variables",
        "pktsize" => "variables_bytes",
        "headers" => "header_fields",
        "vszM" => "vsz_mib",
        "rssM" => "rss_mib",
        "werr" | "ioerr" => "write_errors",
        // A body is complete before the application is called, and modifiers are taken off by then.
        "rerr" | "modifier1" | "modifier2" => return Some("0".to_owned()),
        "ctime" => return Some(CTIME.to_owned()),
        "ltime" => return Some(LTIME.to_owned()),
        "ftime" => {
            let form = style.ftime.as_ref().filter(|form| !form.contains('}'));
            return Some(form.map_or(LTIME.to_owned(), |form| format!("{{start:{form}}}")));
        }
        _ => return variable(name),
    };
    Some(format!("{{{ours}}}"))
}

/// A variable of the request, or one that the application sets.
fn variable(name: &str) -> Option<String> {
    let (kind, name) = match (name.strip_prefix("var."), name.strip_prefix("metric.")) {
        (Some(name), _) => ("var", name),
        (_, Some(_)) => return None,
        _ => ("log", name),
    };
    (!name.is_empty() && !name.contains(['{', '}'])).then(|| format!("{{{kind}:{name}}}"))
}

const CTIME: &str = "{start:%a %b %e %H:%M:%S %Y}";
const LTIME: &str = "{start:%d/%b/%Y:%H:%M:%S %z}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::values::access_log_format;

    fn pattern(form: &str) -> String {
        let translated = translate(form, &Style::default());
        assert_eq!(translated.lost, [""; 0], "{form}");
        assert!(access_log_format(&translated.pattern).is_ok(), "{}", translated.pattern);
        translated.pattern
    }

    #[test]
    fn every_variable_of_uwsgi_is_a_field() {
        // As core/logging.c of uWSGI 2.0.31 registers them.
        let all = "uri method user addr host proto uagent referer status rsize hsize size cl micros msecs secs tmsecs tmicros \
                   time ltime ftime ctime epoch pid wid switches vars core vsz rss vszM rssM pktsize headers werr ioerr";
        for name in all.split_whitespace() {
            let told = pattern(&format!("<%({name})>"));
            assert!(told.starts_with("<{") && !told.contains("log:"), "{name}: {told}");
        }
        assert_eq!(pattern("%(uri) %(rerr) %(modifier1)/%(modifier2)"), "{uri} 0 0/0");
    }

    #[test]
    fn forms_become_patterns() {
        for (form, want) in [
            (
                "%(addr) - %(user) [%(ltime)] \"%(method) %(uri) %(proto)\" %(status) %(size)",
                "{remote_addr} - {remote_user} [{start:%d/%b/%Y:%H:%M:%S %z}] \"{method} {uri} {protocol}\" {status} {bytes}",
            ),
            ("{%(vars) vars in %(pktsize) bytes}", "{{{variables} vars in {variables_bytes} bytes}}"),
            ("%(user_id)|%(var.HTTP_X_A)", "{log:user_id}|{var:HTTP_X_A}"),
            ("100%% %(uri) %() %(open", "100%% {uri} %() %(open"),
        ] {
            assert_eq!(pattern(form), want);
        }
    }

    #[test]
    fn what_other_options_say_is_heard() {
        let style = Style { ftime: Some("%Y".to_owned()), forwarded_for: true, micros: true, memory: true };
        assert_eq!(translate("%(addr) %(ftime)", &style).pattern, "{forwarded_for} {start:%Y}");
        let lost = translate("%(uri) %(metric.worker.1.requests)", &style);
        assert_eq!((&*lost.pattern, lost.lost), ("{uri} -", vec!["metric.worker.1.requests".to_owned()]));
        let line = default_line(&style);
        assert!(
            line.contains("{forwarded_for} ({remote_user?})") && line.contains("{time_us} micros"),
            "{line}"
        );
        assert!(line.starts_with("{{address space usage: {vsz} bytes/"), "{line}");
        assert!(
            access_log_format(&line).is_ok() && access_log_format(&default_line(&Style::default())).is_ok()
        );
    }
}
