//! Bytes of a connection → one request. Any split of the bytes gives the same result.

use super::bare;
use super::header::{PacketHeader, modifier1};
use super::vars::{WireFault, read_var};
use crate::application::variables::Variables;
use crate::limits::Limits;
use crate::protocol::pending_request::{self, PendingRequest, take};
use crate::protocol::{
    DecodeError, Fault, Grammar, Intake, Persistence, Phase, ProtocolName, Received, Stranger, pairs,
};

/// Decodes the one request of a uwsgi connection; front ends connect anew for each.
#[derive(Default)]
pub struct RequestDecoder {
    header: PartialHeader,
    state: State,
    /// The request that was refused is a HEAD.
    is_head: bool,
    /// The request came without a method.
    is_bare: bool,
}

/// What is being received.
#[derive(Default)]
enum State {
    #[default]
    Header,
    /// `missing` bytes of the vars are to come.
    Vars { variables: Variables, missing: usize },
    /// `missing` bytes of the body are to come.
    Body { incoming: PendingRequest, missing: u64 },
    /// The request is complete, or was refused. What else arrives is not ours.
    Done,
}

#[derive(Default)]
struct PartialHeader {
    bytes: [u8; PacketHeader::LEN],
    filled: usize,
}

impl Grammar for RequestDecoder {
    fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        // Each stage goes on to the next by itself, so that a packet that is all here passes through no state.
        match std::mem::replace(&mut self.state, State::Done) {
            State::Header => self.receive_header(input, out, intake),
            State::Vars { variables, missing } => self.receive_vars(variables, missing, input, intake),
            State::Body { incoming, missing } => self.receive_body(incoming, missing, input, intake),
            State::Done => Ok(Received::More),
        }
    }

    fn phase(&self) -> Phase {
        match &self.state {
            State::Header if self.header.filled == 0 => Phase::Idle,
            State::Header | State::Vars { .. } | State::Done => Phase::Head,
            State::Body { incoming, .. } => Phase::Body { received: incoming.received() },
        }
    }

    fn pending_body(&mut self) -> Option<(&mut PendingRequest, &mut u64)> {
        match &mut self.state {
            State::Body { incoming, missing } => Some((incoming, missing)),
            _ => None,
        }
    }

    fn ends_with_the_close(&self) -> bool {
        true
    }

    fn is_head(&self) -> bool {
        match &self.state {
            State::Body { incoming, .. } => pending_request::is_head(&incoming.variables),
            State::Header | State::Vars { .. } | State::Done => self.is_head,
        }
    }

    fn warning(&self) -> Option<&'static str> {
        self.is_bare.then_some(bare::WARNING)
    }

    fn describe(&self) -> String {
        let PacketHeader { modifier1, datasize, modifier2 } = self.header();
        let meaning = modifier1::meaning(modifier1);
        format!("uwsgi packet: modifier1 {modifier1} ({meaning}), datasize {datasize}, modifier2 {modifier2}")
    }
}

impl RequestDecoder {
    fn receive_header(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        if !self.header.fill(input) {
            self.state = State::Header;
            return Ok(Received::More);
        }
        let header = self.header();
        match header.modifier1 {
            modifier1::WSGI | modifier1::MANAGE_PATH_INFO => {
                self.receive_vars(Variables::new(), usize::from(header.datasize), input, intake)
            }
            modifier1::PING => {
                out.extend_from_slice(&PONG.to_bytes());
                Ok(Received::Answered(Persistence::Close))
            }
            modifier1 => {
                let stranger = Stranger::at(ProtocolName::Uwsgi, &self.header.bytes).map(Fault::Stranger);
                let fault = stranger.unwrap_or_else(|| WireFault::Modifier { modifier1 }.into());
                Err(DecodeError::at(0, fault))
            }
        }
    }

    fn receive_vars(
        &mut self,
        mut variables: Variables,
        missing: usize,
        input: &mut &[u8],
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        let taken = take(input, missing as u64);
        variables.extend_block(taken);
        if taken.len() < missing {
            self.state = State::Vars { variables, missing: missing - taken.len() };
            return Ok(Received::More);
        }
        let missing = match self.index(&mut variables, intake) {
            Ok(missing) => missing,
            Err(error) => return Err(self.refuse(error, variables)),
        };
        self.receive_body(PendingRequest::new(variables), missing, input, intake)
    }

    fn receive_body(
        &mut self,
        mut incoming: PendingRequest,
        missing: u64,
        input: &mut &[u8],
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        let missing = match missing {
            0 => 0,
            missing => match incoming.fill(input, missing, intake) {
                Ok(missing) => missing,
                Err(error) => return Err(self.refuse(error, incoming.variables)),
            },
        };
        if missing > 0 {
            self.state = State::Body { incoming, missing };
            return Ok(Received::More);
        }
        Ok(Received::Request(incoming.into_environ()?))
    }

    /// Reads the vars block into its index and ends the head; returns the body's length, bytes.
    fn index(&mut self, variables: &mut Variables, limits: &Limits) -> Result<u64, DecodeError> {
        let PacketHeader { modifier1, datasize, .. } = self.header();
        pairs::index(variables, PacketHeader::LEN, read_var, limits)?;
        let length = pairs::complete(variables, PacketHeader::LEN, read_var, limits)?;
        self.is_bare = bare::is_bare(variables);
        if self.is_bare && datasize == 0 {
            return Err(DecodeError::of(Fault::MethodMissing));
        }
        if self.is_bare {
            bare::complete(variables);
        }
        if modifier1 == modifier1::MANAGE_PATH_INFO {
            strip_script_name(variables);
        }
        Ok(length.unwrap_or_default())
    }

    fn refuse(&mut self, error: DecodeError, variables: Variables) -> DecodeError {
        self.is_head = pending_request::is_head(&variables);
        error.of_request(variables)
    }

    fn header(&self) -> PacketHeader {
        PacketHeader::from_bytes(self.header.bytes)
    }
}

/// uWSGI's answer to a ping: the header back, with modifier2 1 and no warning behind it.
const PONG: PacketHeader = PacketHeader { modifier1: modifier1::PING, datasize: 0, modifier2: 1 };

impl PartialHeader {
    /// Whether the header is complete, after what `input` has of it.
    fn fill(&mut self, input: &mut &[u8]) -> bool {
        let taken = take(input, (self.bytes.len() - self.filled) as u64);
        self.bytes[self.filled..][..taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        self.filled == self.bytes.len()
    }
}

/// What modifier1 30 asks for. uWSGI strips as many bytes as SCRIPT_NAME has, whatever they are; we strip what
/// is SCRIPT_NAME, up to the end of a segment, and nothing else.
pub(super) fn strip_script_name(variables: &mut Variables) {
    let script_name = variables.get(b"SCRIPT_NAME").unwrap_or_default();
    let script_name = script_name.strip_suffix(b"/").unwrap_or(script_name);
    let Some(rest) = variables.get(b"PATH_INFO").and_then(|path| path.strip_prefix(script_name)) else {
        return;
    };
    if !script_name.is_empty() && matches!(rest.first(), None | Some(b'/')) {
        let rest = rest.to_vec();
        variables.set(b"PATH_INFO", &rest);
    }
}
