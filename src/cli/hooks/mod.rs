//! `--hook MOMENT=ACTION`: what is done at a moment of the server's life. Moments and actions are called as uWSGI's are.

mod action;

use std::fmt;
use std::str::FromStr;

use log::debug;

use super::Result;
use super::did_you_mean::nearest;
use action::Action;

/// An action at a moment.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    moment: Moment,
    action: Action,
    text: String,
}

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before any socket is bound.
    Asap,
    /// Once the sockets are bound, before root's rights are given up; in this order.
    PreJail,
    PostJail,
    AsRoot,
    /// Behind that, as the user of `--user`; in this order.
    AsUser,
    InJail,
    /// The master is about to fork.
    MasterStart,
    /// In each process that loads the application: before, and after.
    PreApp,
    PostApp,
    /// In each worker, before all else.
    PostFork,
    /// In each worker that is about to serve; in the first; and so with those that take no other's place.
    Accepting,
    Accepting1,
    AcceptingOnce,
    Accepting1Once,
    /// All workers have ended.
    AsUserAtexit,
}

/// Each with its name.
const MOMENTS: [(Moment, &str); 15] = [
    (Moment::Asap, "asap"),
    (Moment::PreJail, "pre-jail"),
    (Moment::PostJail, "post-jail"),
    (Moment::AsRoot, "as-root"),
    (Moment::AsUser, "as-user"),
    (Moment::InJail, "in-jail"),
    (Moment::MasterStart, "master-start"),
    (Moment::PreApp, "pre-app"),
    (Moment::PostApp, "post-app"),
    (Moment::PostFork, "post-fork"),
    (Moment::Accepting, "accepting"),
    (Moment::Accepting1, "accepting1"),
    (Moment::AcceptingOnce, "accepting-once"),
    (Moment::Accepting1Once, "accepting1-once"),
    (Moment::AsUserAtexit, "as-user-atexit"),
];

/// Does what is to be done at these moments, one after the other. The first that fails ends it.
pub(super) fn run(hooks: &[Hook], moments: &[Moment]) -> Result<()> {
    for moment in moments {
        for hook in hooks.iter().filter(|hook| hook.moment == *moment) {
            debug!("--hook {hook}");
            hook.action.run().map_err(|failure| format!("--hook {hook}: {failure}"))?;
        }
    }
    Ok(())
}

/// Whether SIGTERM is to stop the server whatever else is said of it.
pub(super) fn stop_on_sigterm(hooks: &[Hook]) -> bool {
    hooks.iter().any(|hook| hook.action == Action::StopOnSigterm)
}

impl Moment {
    /// The moments of a worker that is about to serve.
    pub(super) fn of_accepting(number: u32, is_first: bool) -> Vec<Moment> {
        let all = [
            (Moment::Accepting, true),
            (Moment::AcceptingOnce, is_first),
            (Moment::Accepting1, number == 1),
            (Moment::Accepting1Once, number == 1 && is_first),
        ];
        all.into_iter().filter(|(_, is_now)| *is_now).map(|(moment, _)| moment).collect()
    }
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (name, action) = text.split_once('=').ok_or("write MOMENT=ACTION, as pre-app=exec:./migrate")?;
        let moment = MOMENTS.iter().find(|(_, one)| *one == name.trim()).map(|(moment, _)| *moment);
        let moment = moment.ok_or_else(|| {
            let names = MOMENTS.map(|(_, name)| name);
            match nearest(name, names) {
                Some(near) => format!("there is no moment {name:?}; did you mean {near:?}?"),
                None => format!("there is no moment {name:?}; the moments are {}", names.join(", ")),
            }
        })?;
        Ok(Hook { moment, action: action.parse()?, text: text.to_owned() })
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_known_by_name_and_others_are_told() {
        assert_eq!("accepting1=exec:touch /tmp/x".parse::<Hook>().unwrap().moment, Moment::Accepting1);
        for (text, want) in [
            ("asap", "write MOMENT=ACTION"),
            ("as-sap=exec:x", "did you mean \"asap\"?"),
            ("as-mule=exec:x", "there is no moment \"as-mule\""),
            ("asap=run:x", "there is no action \"run\""),
            ("asap=exec:", "exec: write"),
        ] {
            let error = text.parse::<Hook>().unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_that_fails_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        let hooks = [
            format!("asap=write:{} one two", file.display()),
            format!("asap=appendn:{} three", file.display()),
            "asap=exec:exit 3".to_owned(),
            format!("asap=unlink:{}", file.display()),
        ];
        let hooks: Vec<Hook> = hooks.iter().map(|hook| hook.parse().unwrap()).collect();
        run(&hooks, &[Moment::AsUser]).unwrap();
        let error = run(&hooks, &[Moment::Asap]).unwrap_err().to_string();
        assert_eq!(error, "--hook asap=exec:exit 3: exit status: 3");
        assert_eq!(std::fs::read_to_string(file).unwrap(), "one twothree\n");
    }
}
