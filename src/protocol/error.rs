//! What a peer can get wrong, in which words it is told, and with which status.

use std::fmt;
use std::io;

use super::stranger::Stranger;
use crate::application::environ::Environ;
use crate::application::input::Input;
use crate::application::variables::Variables;

/// A request that can never be completed.
#[derive(Debug)]
pub struct DecodeError {
    /// Where, bytes from the request's first; `None` where it is no one place. On FastCGI a record's place counts
    /// from the connection's first byte, and a variable's from that of the PARAMS stream.
    pub offset: Option<usize>,
    /// What was wrong.
    pub(crate) fault: Fault,
    /// What is known of the request: its variables, as far as they were read.
    pub(super) request: Option<Box<Variables>>,
}

/// What was wrong with a request.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The bytes do not follow the protocol, or not strictly.
    Grammar(Box<dyn GrammarFault>),
    /// They are of another protocol. HTTP has this in its own, beside what else its scan finds.
    Stranger(Stranger),
    /// REQUEST_METHOD is missing or empty, so this is no request.
    MethodMissing,
    ContentLength {
        value: String,
    },
    ContentLengthTwice,
    /// The body is, or says that it is, over `Limits::body_bytes_max`.
    BodyTooLarge {
        bytes_max: u64,
    },
    /// The variables take more than `Limits::vars_bytes_max`.
    VarsTooLarge {
        bytes_max: usize,
    },
    /// More variables than `Limits::vars_count_max`.
    TooManyVars {
        count_max: usize,
    },
    /// The body could not be kept: a full disk, no temporary folder. The one fault here that is ours.
    Spool(io::Error),
}

/// What the bytes of one protocol can be wrong about.
pub(crate) trait GrammarFault: fmt::Debug + fmt::Display + Send + Sync {
    /// The status that tells the peer, or `None` where it would not understand an HTTP response.
    fn status(&self) -> Option<&'static str> {
        Some("400 Bad Request")
    }
}

impl<F: GrammarFault + 'static> From<F> for Fault {
    fn from(fault: F) -> Self {
        Fault::Grammar(Box::new(fault))
    }
}

impl DecodeError {
    pub(super) fn at(offset: usize, fault: impl Into<Fault>) -> Self {
        DecodeError { offset: Some(offset), ..DecodeError::of(fault) }
    }

    /// Of no one place.
    pub(super) fn of(fault: impl Into<Fault>) -> Self {
        DecodeError { offset: None, fault: fault.into(), request: None }
    }

    /// The same, of the request with these variables.
    pub(super) fn of_request(self, variables: Variables) -> Self {
        DecodeError { request: Some(Box::new(variables)), ..self }
    }

    /// The request, without its body, as far as it is known: its method at the least.
    pub(crate) fn take_request(&mut self) -> Option<Environ> {
        let variables = self.request.take().filter(|variables| variables.get(b"REQUEST_METHOD").is_some())?;
        Some(Environ::new(*variables, Input::default()))
    }

    /// The status that tells the peer, or `None` where it speaks a protocol in which nothing can be said.
    pub fn status(&self) -> Option<&'static str> {
        match &self.fault {
            Fault::Grammar(fault) => fault.status(),
            Fault::Stranger(stranger) => stranger.status(),
            Fault::MethodMissing | Fault::ContentLength { .. } | Fault::ContentLengthTwice => {
                Some("400 Bad Request")
            }
            Fault::BodyTooLarge { .. } => Some("413 Content Too Large"),
            Fault::VarsTooLarge { .. } | Fault::TooManyVars { .. } => {
                Some("431 Request Header Fields Too Large")
            }
            Fault::Spool(_) => Some("500 Internal Server Error"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Fault::Grammar(fault) => write!(f, "{fault}")?,
            Fault::Stranger(stranger) => write!(f, "{stranger}")?,
            Fault::MethodMissing => {
                write!(
                    f,
                    "REQUEST_METHOD is missing: does the front end include uwsgi_params, fastcgi_params or scgi_params?"
                )?;
            }
            Fault::ContentLength { value } => write!(f, "CONTENT_LENGTH {value:?} is not a number of bytes")?,
            Fault::ContentLengthTwice => write!(f, "CONTENT_LENGTH was sent twice, with two values")?,
            Fault::BodyTooLarge { bytes_max } => {
                write!(f, "the body is larger than {bytes_max} bytes (Limits::body_bytes_max)")?;
            }
            Fault::VarsTooLarge { bytes_max } => write!(f, "the variables take more than {bytes_max} bytes")?,
            Fault::TooManyVars { count_max } => write!(f, "more than {count_max} variables")?,
            Fault::Spool(error) => write!(f, "the body could not be kept in a temporary file: {error}")?,
        }
        match self.offset {
            Some(offset) => write!(f, ", at offset {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DecodeError {}
