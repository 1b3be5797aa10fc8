//! The built-in applications: to try a deployment with, to measure with, and to read as examples.

mod docs;
mod echo;
mod environ;
mod flow;
mod hello;
mod index;
mod own;
mod stream;
mod watch;

use std::fmt;
use std::str::FromStr;

use crate::application::environ::Environ;
use crate::application::{AppError, Application, Body, StartResponse};
use crate::cli::did_you_mean::nearest;

/// An application that comes with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// `Hello, World`.
    Hello,
    /// What arrived, as text, or as a page to a browser.
    Environ,
    /// The request's body back.
    Echo,
    /// Chunks, as many and as large as the query says.
    Stream,
    /// An index page, and the other four below it.
    Demo,
}

impl Builtin {
    /// All of them.
    pub(super) const ALL: [Builtin; 5] =
        [Builtin::Hello, Builtin::Environ, Builtin::Echo, Builtin::Stream, Builtin::Demo];

    /// The name by which it is asked for.
    pub(super) fn name(self) -> &'static str {
        match self {
            Builtin::Hello => "hello",
            Builtin::Environ => "environ",
            Builtin::Echo => "echo",
            Builtin::Stream => "stream",
            Builtin::Demo => "demo",
        }
    }
}

impl Application for Builtin {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        match self {
            Builtin::Hello => hello::call(&start_response),
            Builtin::Environ => environ::call(environ, &start_response),
            Builtin::Echo => echo::call(environ, &start_response),
            Builtin::Stream => stream::call(&environ, &start_response),
            Builtin::Demo => index::call(environ, start_response),
        }
    }
}

impl FromStr for Builtin {
    type Err = UnknownApplication;

    fn from_str(name: &str) -> Result<Self, UnknownApplication> {
        Builtin::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| UnknownApplication::new(name))
    }
}

/// A name that no built-in application has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownApplication {
    name: String,
}

impl UnknownApplication {
    /// That nothing built in is called `name`.
    pub(super) fn new(name: &str) -> Self {
        UnknownApplication { name: name.to_owned() }
    }
}

impl fmt::Display for UnknownApplication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Builtin::ALL.map(Builtin::name);
        write!(f, "unknown application {:?}: one of {}", self.name, names.join(", "))?;
        match nearest(&self.name, names) {
            Some(name) => write!(f, "; did you mean {name:?}?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownApplication {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_typos_recognised() {
        for one in Builtin::ALL {
            assert_eq!(one.name().parse(), Ok(one));
        }
        let message = |name: &str| name.parse::<Builtin>().unwrap_err().to_string();
        let all = "one of hello, environ, echo, stream, demo";
        assert_eq!(message("x:app"), format!("unknown application \"x:app\": {all}"));
        assert_eq!(message("helo"), format!("unknown application \"helo\": {all}; did you mean \"hello\"?"));
        assert!(message("steram").ends_with("did you mean \"stream\"?"));
    }
}
