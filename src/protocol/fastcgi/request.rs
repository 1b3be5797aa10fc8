//! One request: its PARAMS, then its STDIN, until both are complete.

use super::FastcgiFault;
use super::params::read_param;
use crate::application::environ::Environ;
use crate::application::variables::Variables;
use crate::limits::Limits;
use crate::protocol::pending_request::{self, PendingRequest};
use crate::protocol::{DecodeError, Fault, Intake, pairs};

/// The request that is being received or answered.
pub(super) struct Request {
    pub(super) id: u16,
    pub(super) keep_conn: bool,
    /// Another process answers what the peer asks from here on.
    pub(super) is_last: bool,
    /// The connection is closed behind the answer, though its peer cannot be told, unless its next request has come.
    pub(super) closes_untold: bool,
    /// nginx has sent it.
    pub(super) is_from_nginx: bool,
    pub(super) stage: Stage,
    /// It was refused, and is a HEAD.
    is_head: bool,
}

/// How far it has come.
pub(super) enum Stage {
    /// PARAMS are arriving.
    Params { variables: Variables },
    /// STDIN is arriving; `length` is CONTENT_LENGTH.
    Stdin { incoming: PendingRequest, length: Option<u64> },
    /// The application answers.
    Responding,
}

impl Request {
    pub(super) fn new(id: u16, keep_conn: bool) -> Self {
        let stage = Stage::Params { variables: Variables::new() };
        Request {
            id,
            keep_conn,
            is_last: false,
            closes_untold: false,
            is_from_nginx: false,
            stage,
            is_head: false,
        }
    }

    /// No more of it is wanted: an answer to it is made.
    pub(super) fn refuse(&mut self) {
        self.is_head = self.is_head();
        self.keep_conn = false;
        self.stage = Stage::Responding;
    }

    /// The error, with what is known of the request, of which nothing more is asked than whether it is a HEAD.
    pub(super) fn known_of(&mut self, error: DecodeError) -> DecodeError {
        self.is_head = self.is_head();
        match std::mem::replace(&mut self.stage, Stage::Responding) {
            Stage::Params { variables } => error.of_request(variables),
            Stage::Stdin { incoming, .. } => error.of_request(incoming.variables),
            Stage::Responding => error,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        match &self.stage {
            Stage::Params { variables } => pending_request::is_head(variables),
            Stage::Stdin { incoming, .. } => pending_request::is_head(&incoming.variables),
            Stage::Responding => self.is_head,
        }
    }

    /// Whether a PARAMS record of `len` bytes may come now.
    pub(super) fn check_params(&mut self, len: u16, limits: &Limits) -> Result<(), Fault> {
        match &mut self.stage {
            Stage::Params { variables } => {
                let bytes_max = limits.vars_bytes_max;
                let fits = variables.parts().0.len() + usize::from(len) <= bytes_max;
                if fits { Ok(()) } else { Err(Fault::VarsTooLarge { bytes_max }) }
            }
            Stage::Stdin { .. } => Err(FastcgiFault::ParamsLate.into()),
            Stage::Responding => Ok(()),
        }
    }

    /// Whether a STDIN record of `len` bytes may come now.
    pub(super) fn check_stdin(&self, len: u16, limits: &Limits) -> Result<(), Fault> {
        let (incoming, length) = match &self.stage {
            Stage::Params { .. } => return Err(FastcgiFault::StdinEarly.into()),
            Stage::Stdin { incoming, length } => (incoming, *length),
            Stage::Responding => return Ok(()),
        };
        let received = incoming.received() + u64::from(len);
        match length {
            Some(length) if received > length => Err(FastcgiFault::BodyTooLong { length }.into()),
            Some(length) if received < length && len == 0 => {
                Err(FastcgiFault::BodyTooShort { length, received }.into())
            }
            None if received > limits.body_bytes_max => {
                Err(Fault::BodyTooLarge { bytes_max: limits.body_bytes_max })
            }
            _ => Ok(()),
        }
    }

    /// Takes a piece of the PARAMS stream.
    pub(super) fn params(&mut self, piece: &[u8]) {
        if let Stage::Params { variables } = &mut self.stage {
            variables.extend_block(piece);
        }
    }

    /// Takes a piece of the STDIN stream.
    pub(super) fn stdin(&mut self, piece: &[u8], intake: &Intake<'_>) -> Result<(), DecodeError> {
        match &mut self.stage {
            Stage::Stdin { incoming, length } => {
                let received = incoming.received() + piece.len() as u64;
                let to_come = length.map_or(0, |length| length.saturating_sub(received));
                incoming.append(piece, to_come, intake)
            }
            Stage::Params { .. } | Stage::Responding => Ok(()),
        }
    }

    /// PARAMS are complete. The place of an error counts from the first byte of their stream.
    pub(super) fn params_complete(&mut self, limits: &Limits) -> Result<(), DecodeError> {
        let Stage::Params { variables } = &mut self.stage else { return Ok(()) };
        pairs::index(variables, 0, read_param, limits)?;
        let length = pairs::complete(variables, 0, read_param, limits)?;
        pairs::require_method(variables)?;
        pending_request::find_path(variables);
        self.is_from_nginx = variables.get(b"SERVER_SOFTWARE").is_some_and(|name| name.starts_with(b"nginx"));
        self.stage = Stage::Stdin { incoming: PendingRequest::new(std::mem::take(variables)), length };
        Ok(())
    }

    /// STDIN is complete, and with it the request.
    pub(super) fn stdin_complete(&mut self) -> Result<Option<Environ>, DecodeError> {
        match std::mem::replace(&mut self.stage, Stage::Responding) {
            Stage::Stdin { mut incoming, length } => {
                // Without a CONTENT_LENGTH the stream says itself where it ends.
                if length.is_none() && incoming.received() > 0 {
                    let received = incoming.received();
                    incoming.variables.push_display(b"CONTENT_LENGTH", received);
                }
                incoming.into_environ().map(Some)
            }
            other => {
                self.stage = other;
                Ok(None)
            }
        }
    }
}
