//! Bytes of a connection → records → its requests, one after the other. Any split of the bytes gives the same
//! result: a record is judged by its header, before one byte of its content is taken.

use super::partial::{Meaning, Partial};
use super::record::{
    BODY_LEN, FLAG_KEEP_CONN, ProtocolStatus, ROLE_RESPONDER, RecordHeader, record_type, write_end,
};
use super::request::{Request, Stage};
use super::{FastcgiFault, RecordFault, management, response};
use crate::application::response_head::ResponseHead;
use crate::limits::Limits;
use crate::protocol::{
    DecodeError, Fault, Grammar, HTTP_LINE, Intake, Persistence, Phase, ProtocolName, Received, Stranger,
    pending_request::take, write_raw_head,
};

/// One FastCGI connection.
#[derive(Default)]
pub struct Conversation {
    /// The record that is arriving.
    record: Partial,
    /// Where it begins, bytes from the connection's first.
    offset: usize,
    serving: Serving,
    /// What came behind a request that is answered is no record, and nothing behind it can be read.
    deaf: bool,
}

/// What is served.
#[derive(Default)]
enum Serving {
    /// No request has begun, or the last is over.
    #[default]
    Nothing,
    Request(Request),
    /// A peer that speaks HTTP, and is told in HTTP that it should not.
    Stranger,
}

impl Grammar for Conversation {
    fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        if self.deaf {
            return Ok(Received::More);
        }
        let before = *input;
        match self.take_in(input, out, intake) {
            // The request that is answered is whole: it keeps its answer, and the connection has no other.
            Err(_) if self.is_responding() => {
                self.deaf = true;
                if let Serving::Request(request) = &mut self.serving {
                    request.keep_conn = false;
                }
                // Left unread, they tell the connection that its peer goes on sending when it closes.
                *input = before;
                Ok(Received::More)
            }
            Err(error) => Err(match &mut self.serving {
                Serving::Request(request) => request.known_of(error),
                Serving::Nothing | Serving::Stranger => error,
            }),
            received => received,
        }
    }

    /// Before BEGIN_REQUEST is complete there is no request, and nothing that could be said of one that does not come.
    fn phase(&self) -> Phase {
        match &self.serving {
            Serving::Nothing => Phase::Idle,
            Serving::Request(Request { stage: Stage::Stdin { incoming, .. }, .. }) => {
                Phase::Body { received: incoming.received() }
            }
            Serving::Request(_) | Serving::Stranger => Phase::Head,
        }
    }

    fn describe(&self) -> String {
        match &self.serving {
            Serving::Request(Request { id, keep_conn, .. }) => {
                format!(
                    "FastCGI request {id}, role responder, {}",
                    if *keep_conn { "keep_conn" } else { "then close" }
                )
            }
            Serving::Nothing | Serving::Stranger => "FastCGI".to_owned(),
        }
    }

    fn is_head(&self) -> bool {
        matches!(&self.serving, Serving::Request(request) if request.is_head())
    }

    fn give_up(&mut self) {
        if let Serving::Request(request) = &mut self.serving {
            request.refuse();
        }
    }

    /// A kept connection that is closed behind END_REQUEST, which cannot say so, loses the request that the peer may
    /// have sent meanwhile. So it stays open until the peer closes it, which nginx can be told to, or is silent. Of one
    /// that is in use all the time, to lose that request now and then is less than to break it off at the end of the stop.
    fn disable_keep_alive(&mut self, untold: bool) {
        if let Serving::Request(request) = &mut self.serving {
            request.is_last = true;
            request.closes_untold |= untold;
        }
    }

    fn head(&mut self, head: &ResponseHead, _date: &[u8], out: &mut Vec<u8>) {
        match self.request_id() {
            Some(id) => response::write_head(id, head, out),
            None => write_raw_head(HTTP_LINE, head, out),
        }
    }

    fn chunk(&mut self, available: u64, before: &mut Vec<u8>, _after: &mut Vec<u8>) -> u64 {
        match self.request_id() {
            Some(id) => response::write_chunk_header(id, available, before),
            None => available,
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Persistence {
        if let Serving::Request(Request { id, keep_conn, is_last, is_from_nginx, .. }) = &self.serving {
            response::write_finish(*id, out);
            if *keep_conn && *is_last && *is_from_nginx {
                response::write_no_reuse(out);
            }
        }
        self.end_request()
    }

    fn abort_reply(&self, _head_only: bool) -> &'static [u8] {
        self.request_id().map_or(&[], response::timeout)
    }

    fn write_stderr(&mut self, error: &str, out: &mut Vec<u8>) {
        if let Some(id) = self.request_id() {
            response::write_error(id, error, out);
        }
    }

    fn reads_while_responding(&self) -> bool {
        !self.deaf && !matches!(&self.record, Partial::Whole(header) if self.is_next_request(*header))
    }
}

impl Conversation {
    fn take_in(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError> {
        loop {
            match &mut self.record {
                Partial::Header { bytes, filled } => {
                    // The first byte alone tells whether this is a record.
                    let missing = if *filled == 0 { 1 } else { bytes.len() - *filled };
                    let taken = take(input, missing as u64);
                    if taken.is_empty() {
                        return Ok(Received::More);
                    }
                    bytes[*filled..][..taken.len()].copy_from_slice(taken);
                    *filled += taken.len();
                    let (bytes, filled) = (*bytes, *filled);
                    if bytes[0] != RecordHeader::VERSION {
                        return Err(self.no_record(bytes[0]));
                    }
                    if filled == bytes.len() {
                        self.record = Partial::Whole(RecordHeader::from_bytes(bytes));
                    }
                }
                Partial::Whole(header) => {
                    let header = *header;
                    if self.is_next_request(header) {
                        return Ok(Received::More);
                    }
                    let meaning = self.meaning(header, intake).map_err(|fault| self.wrong(fault))?;
                    let left = usize::from(header.content_length);
                    self.record = Partial::Content { header, meaning, left };
                }
                Partial::Content { header, meaning, left: 0 } => {
                    let (header, meaning) = (*header, std::mem::take(meaning));
                    let left = usize::from(header.padding_length);
                    self.record = Partial::Padding { header, meaning, left };
                }
                Partial::Content { meaning, left, .. } => {
                    let piece = take(input, *left as u64);
                    if piece.is_empty() {
                        return Ok(Received::More);
                    }
                    *left -= piece.len();
                    match (meaning, &mut self.serving) {
                        (Meaning::Begin(kept) | Meaning::Values(kept), _) => kept.extend_from_slice(piece),
                        (Meaning::Params, Serving::Request(request)) => request.params(piece),
                        (Meaning::Stdin, Serving::Request(request)) => request.stdin(piece, intake)?,
                        _ => {}
                    }
                }
                Partial::Padding { header, meaning, left: 0 } => {
                    let (header, meaning) = (*header, std::mem::take(meaning));
                    let received = self.record_complete(header, &meaning, out, intake)?;
                    self.record = Partial::default();
                    self.offset = self.offset.saturating_add(header.record_len());
                    if let Some(received) = received {
                        return Ok(received);
                    }
                }
                Partial::Padding { left, .. } => {
                    let padding = take(input, *left as u64);
                    if padding.is_empty() {
                        return Ok(Received::More);
                    }
                    *left -= padding.len();
                }
            }
        }
    }

    fn is_responding(&self) -> bool {
        matches!(&self.serving, Serving::Request(Request { stage: Stage::Responding, .. }))
    }

    /// The request that is answered in records; a stranger has none.
    fn request_id(&self) -> Option<u16> {
        match &self.serving {
            Serving::Request(request) => Some(request.id),
            Serving::Nothing | Serving::Stranger => None,
        }
    }

    /// Whether this begins a request that waits until the one before it is answered: its id may be used again
    /// from then on, and a peer that sends ahead does so.
    fn is_next_request(&self, header: RecordHeader) -> bool {
        header.record_type == record_type::BEGIN_REQUEST
            && matches!(&self.serving, Serving::Request(Request { id, stage: Stage::Responding, .. })
                if *id == header.request_id)
    }

    /// What a record means, by its header.
    fn meaning(&mut self, header: RecordHeader, limits: &Limits) -> Result<Meaning, Fault> {
        let RecordHeader { record_type, request_id, content_length: len, .. } = header;
        if request_id == 0 {
            let asks = record_type == record_type::GET_VALUES;
            return Ok(if asks { Meaning::Values(Vec::new()) } else { Meaning::Unknown });
        }
        let request = match &mut self.serving {
            Serving::Request(request) if request.id == request_id => Some(request),
            _ => None,
        };
        match (record_type, request) {
            (record_type::BEGIN_REQUEST, _) if usize::from(len) != BODY_LEN => {
                Err(self.unreadable(RecordFault::BeginLength { len }))
            }
            (record_type::BEGIN_REQUEST, Some(_)) => Err(FastcgiFault::BeginTwice.into()),
            (record_type::BEGIN_REQUEST, None) => Ok(Meaning::Begin(Vec::new())),
            (record_type::ABORT_REQUEST, Some(_)) => Ok(Meaning::Abort),
            (record_type::PARAMS, Some(request)) => {
                request.check_params(len, limits).map(|()| Meaning::Params)
            }
            (record_type::STDIN, Some(request)) => request.check_stdin(len, limits).map(|()| Meaning::Stdin),
            // Of a request that is over, or was never begun: section 3.3 says to ignore it. Or of another role.
            _ => Ok(Meaning::Nothing),
        }
    }

    fn record_complete(
        &mut self,
        header: RecordHeader,
        meaning: &Meaning,
        out: &mut Vec<u8>,
        limits: &Limits,
    ) -> Result<Option<Received>, DecodeError> {
        match (meaning, &mut self.serving) {
            (Meaning::Begin(content), _) => return Ok(self.begin(header.request_id, content, out)),
            (Meaning::Values(asked), _) => {
                management::write_values(asked, out).map_err(|fault| self.wrong(self.unreadable(fault)))?;
            }
            (Meaning::Unknown, _) => management::write_unknown(header.record_type, out),
            (Meaning::Abort, _) => return Ok(Some(self.abort(out))),
            (Meaning::Params, Serving::Request(request)) if header.content_length == 0 => {
                request.params_complete(limits)?;
            }
            (Meaning::Stdin, Serving::Request(request)) if header.content_length == 0 => {
                return Ok(request.stdin_complete()?.map(Received::Request));
            }
            _ => {}
        }
        Ok(None)
    }

    fn begin(&mut self, id: u16, content: &[u8], out: &mut Vec<u8>) -> Option<Received> {
        let &[role_high, role_low, flags, ..] = content else { return None };
        if matches!(self.serving, Serving::Request(_)) {
            write_end(id, ProtocolStatus::CantMpxConn, out);
            return None;
        }
        let keep_conn = flags & FLAG_KEEP_CONN != 0;
        self.serving = Serving::Request(Request::new(id, keep_conn));
        if u16::from_be_bytes([role_high, role_low]) != ROLE_RESPONDER {
            write_end(id, ProtocolStatus::UnknownRole, out);
            return Some(Received::Answered(self.end_request()));
        }
        None
    }

    /// The front end no longer wants its request.
    fn abort(&mut self, out: &mut Vec<u8>) -> Received {
        let Serving::Request(request) = &self.serving else { return Received::More };
        write_end(request.id, ProtocolStatus::RequestComplete, out);
        match request.stage {
            Stage::Responding => Received::Aborted(self.end_request()),
            Stage::Params { .. } | Stage::Stdin { .. } => Received::Answered(self.end_request()),
        }
    }

    fn end_request(&mut self) -> Persistence {
        let next_has_come = !matches!(self.record, Partial::Header { filled: 0, .. });
        match std::mem::take(&mut self.serving) {
            Serving::Request(Request { keep_conn: true, closes_untold, .. })
                if !closes_untold || next_has_come =>
            {
                Persistence::KeepAlive
            }
            _ => Persistence::Close,
        }
    }

    /// The error of a record that is none, by its first byte: at the connection's front it may be of a peer that
    /// does not speak FastCGI at all.
    fn no_record(&mut self, version: u8) -> DecodeError {
        let stranger = Stranger::at(ProtocolName::Fastcgi, &[version]).filter(|_| self.offset == 0);
        let Some(stranger) = stranger else {
            return self.wrong(self.unreadable(RecordFault::Version { version }));
        };
        if stranger.status().is_some() {
            self.serving = Serving::Stranger;
        }
        self.wrong(Fault::Stranger(stranger))
    }

    fn unreadable(&self, fault: RecordFault) -> Fault {
        let in_request = matches!(self.serving, Serving::Request(_));
        FastcgiFault::Record { fault, in_request }.into()
    }

    /// An error in the record that is arriving.
    fn wrong(&self, fault: Fault) -> DecodeError {
        DecodeError::at(self.offset, fault)
    }
}
