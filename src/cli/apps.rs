//! Several applications, each below a prefix of its own.
//!
//! PEP 3333's way: what of the path leads to the application is moved from the beginning of PATH_INFO to the end of
//! SCRIPT_NAME, so that the two together are the URL's path still, and the application's own links have the prefix.

use std::cmp::Reverse;

use crate::application::environ::Environ;
use crate::application::{AppError, Application, Body, StartResponse};

/// An application as the options name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct App<'a> {
    /// What its paths begin with, without a slash at the end; empty is the application that has the rest.
    pub(super) prefix: &'a str,
    pub(super) name: &'a str,
}

impl App<'_> {
    /// The error, which names the option if there is one for this application.
    pub(super) fn failed(&self, error: AppError) -> AppError {
        match self.prefix {
            "" => error,
            prefix => AppError::new(format!("--mount {prefix}={}: {error}", self.name)),
        }
    }
}

/// All of them for people: `site:app, /api=api:app`.
pub(super) fn shown(apps: &[App<'_>]) -> String {
    let one = |app: &App<'_>| match app.prefix {
        "" => app.name.to_owned(),
        prefix => format!("{prefix}={}", app.name),
    };
    apps.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The applications of a thread, as one.
pub(super) struct Mounts {
    /// The longest prefix first.
    applications: Vec<(Vec<u8>, Box<dyn Application>)>,
}

impl Mounts {
    /// All of the applications, as `load` finds them: one without a prefix as it is, if there is no other.
    pub(super) fn gather(
        apps: &[App<'_>],
        mut load: impl FnMut(&App<'_>) -> Result<Box<dyn Application>, AppError>,
    ) -> Result<Box<dyn Application>, AppError> {
        if let [app @ App { prefix: "", .. }] = apps {
            return load(app);
        }
        let mut applications = Vec::new();
        for app in apps {
            applications.push((app.prefix.as_bytes().to_vec(), load(app)?));
        }
        applications.sort_by_key(|(prefix, _)| Reverse(prefix.len()));
        Ok(Box::new(Mounts { applications }))
    }
}

impl Application for Mounts {
    fn call(&mut self, mut environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        let script_name = environ.get("SCRIPT_NAME").unwrap_or_default();
        let prefixes = self.applications.iter().map(|(prefix, _)| prefix.as_slice());
        let Some(Place { at, taken }) = find(prefixes, script_name, environ.path()) else {
            start_response.start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])?;
            return Ok(Body::from("Not Found\n"));
        };
        if taken > 0 {
            let (prefix, path) = environ.path().split_at(taken);
            let (script_name, path) = ([without_slash(script_name), prefix].concat(), path.to_vec());
            environ.set("SCRIPT_NAME", script_name);
            environ.set("PATH_INFO", path);
        }
        self.applications[at].1.call(environ, start_response)
    }
}

/// Which application a path leads to.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// Where its prefix stands among all.
    at: usize,
    /// How much of PATH_INFO is to be moved to SCRIPT_NAME, bytes.
    taken: usize,
}

/// The first of the prefixes, of which the longest stands first, that PATH_INFO begins with. If only the one that is empty fits:
/// the first that SCRIPT_NAME and PATH_INFO begin with together, as the front end may have taken it off already; nginx's
/// `uwsgi_param SCRIPT_NAME` chooses among uWSGI's applications so.
fn find<'a>(
    prefixes: impl Iterator<Item = &'a [u8]> + Clone,
    script_name: &[u8],
    path_info: &[u8],
) -> Option<Place> {
    let script_name = without_slash(script_name);
    let below = |prefix: &[u8], path: &[u8]| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
    };
    let of_path = |prefix: &[u8]| below(prefix, path_info).then_some(prefix.len());
    let of_both = |prefix: &[u8]| {
        // No prefix ends within what the front end has taken off.
        let rest = prefix.strip_prefix(script_name).filter(|_| !script_name.is_empty())?;
        below(rest, path_info).then_some(rest.len())
    };
    let named = || prefixes.clone().enumerate().filter(|(_, prefix)| !prefix.is_empty());
    let place = |(at, taken)| Place { at, taken };
    named()
        .find_map(|(at, prefix)| Some((at, of_path(prefix)?)))
        .or_else(|| named().find_map(|(at, prefix)| Some((at, of_both(prefix)?))))
        .or_else(|| prefixes.clone().position(<[u8]>::is_empty).map(|at| (at, 0)))
        .map(place)
}

fn without_slash(script_name: &[u8]) -> &[u8] {
    script_name.strip_suffix(b"/").unwrap_or(script_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIXES: [&str; 4] = ["/app/admin", "/api", "/app", ""];

    /// The prefix, and SCRIPT_NAME and PATH_INFO as the application has them.
    fn found(
        prefixes: &[&'static str],
        script_name: &str,
        path: &str,
    ) -> Option<(&'static str, String, String)> {
        let all = prefixes.iter().map(|prefix| prefix.as_bytes());
        let Place { at, taken } = find(all, script_name.as_bytes(), path.as_bytes())?;
        let script_name = if taken > 0 { script_name.trim_end_matches('/') } else { script_name };
        Some((prefixes[at], format!("{script_name}{}", &path[..taken]), path[taken..].to_owned()))
    }

    #[test]
    fn the_longest_prefix_wins_where_a_segment_ends() {
        for (script_name, path, prefix, script_name_then, path_then) in [
            ("", "/app", "/app", "/app", ""),
            ("", "/app/", "/app", "/app", "/"),
            ("", "/app/x", "/app", "/app", "/x"),
            ("", "/app/x/app", "/app", "/app", "/x/app"),
            ("", "/apple", "", "", "/apple"),
            ("", "/app/administrator", "/app", "/app", "/administrator"),
            ("", "/app/admin/x", "/app/admin", "/app/admin", "/x"),
            ("", "/API/x", "", "", "/API/x"),
            ("", "/x/api", "", "", "/x/api"),
            ("", "//api", "", "", "//api"),
            ("", "/", "", "", "/"),
            ("", "", "", "", ""),
            // Composed with what the front end says.
            ("/site", "/app/x", "/app", "/site/app", "/x"),
            ("/site", "/x", "", "/site", "/x"),
            ("/site/", "/api", "/api", "/site/api", ""),
            ("/", "/api/x", "/api", "/api", "/x"),
            ("/app", "/app/x", "/app", "/app/app", "/x"),
            // The front end has taken it off.
            ("/app", "/x", "/app", "/app", "/x"),
            ("/app", "", "/app", "/app", ""),
            ("/app", "/admin/x", "/app/admin", "/app/admin", "/x"),
            ("/app/admin", "/x", "/app/admin", "/app/admin", "/x"),
            ("/ap", "/p/x", "", "/ap", "/p/x"),
            ("/app/x", "/y", "", "/app/x", "/y"),
        ] {
            let want = (prefix, script_name_then.to_owned(), path_then.to_owned());
            assert_eq!(found(&PREFIXES, script_name, path), Some(want), "{script_name:?} {path:?}");
        }
        assert_eq!(found(&["/app"], "", "/x"), None);
        assert_eq!(found(&["/app"], "", "/apple"), None);
        assert_eq!(found(&[], "", "/"), None);
    }

    proptest! {
        #[test]
        fn the_url_s_path_stays_what_it_is(script_name in "(/ap|p|/app|/api|/admin){0,3}", path in "(/ap|p|/app|/api|/admin|/){0,4}") {
            let (prefix, script_name_then, path_then) = found(&PREFIXES, &script_name, &path).unwrap();
            prop_assert_eq!(format!("{script_name_then}{path_then}"), format!("{script_name}{path}"));
            prop_assert!(script_name_then.ends_with(prefix));
            prop_assert!(prefix.is_empty() || path_then.is_empty() || path_then.starts_with('/'), "{path_then}");
        }
    }

    #[test]
    fn applications_are_shown_as_they_are_given() {
        let apps = [App { prefix: "", name: "site" }, App { prefix: "/api", name: "api:app" }];
        assert_eq!(shown(&apps), "site, /api=api:app");
        assert_eq!(apps[0].failed(AppError::new("why")).to_string(), "why");
        assert_eq!(apps[1].failed(AppError::new("why")).to_string(), "--mount /api=api:app: why");
    }
}
