//! What a protocol is to the rest of the server. Each method is documented at the method of [`Protocol`] that calls it.
//!
//! The defaults are those of a protocol without frames, whose connection lives for one request of a front end.
//!
//! [`Protocol`]: super::Protocol

use super::pending_request::PendingRequest;
use super::{
    DecodeError, HTTP_LINE, Intake, Persistence, Phase, Received, TIMEOUT, cut_body, write_raw_head,
};
use crate::application::response_head::ResponseHead;

pub(super) trait Grammar {
    fn receive(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        intake: &Intake<'_>,
    ) -> Result<Received, DecodeError>;

    fn phase(&self) -> Phase;

    /// The request whose body is arriving, and how many bytes of that are to come; `None` where that is not known.
    fn pending_body(&mut self) -> Option<(&mut PendingRequest, &mut u64)> {
        None
    }

    fn body_missing(&mut self) -> u64 {
        self.pending_body().map_or(0, |(_, missing)| *missing)
    }

    fn body_room(&mut self, intake: &Intake<'_>) -> Option<&mut [u8]> {
        let (incoming, missing) = self.pending_body()?;
        incoming.room(*missing, intake)
    }

    fn body_filled(&mut self, count: usize) {
        if let Some((incoming, missing)) = self.pending_body() {
            incoming.filled(count);
            *missing -= count as u64;
        }
    }

    fn warning(&self) -> Option<&'static str> {
        None
    }

    fn describe(&self) -> String;
    fn is_head(&self) -> bool;

    fn give_up(&mut self) {}

    fn disable_keep_alive(&mut self, _untold: bool) {}

    fn head(&mut self, head: &ResponseHead, _date: &[u8], out: &mut Vec<u8>) {
        write_raw_head(HTTP_LINE, head, out);
    }

    fn chunk(&mut self, available: u64, _before: &mut Vec<u8>, _after: &mut Vec<u8>) -> u64 {
        available
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Persistence {
        Persistence::Close
    }

    fn abort_reply(&self, head_only: bool) -> &'static [u8] {
        cut_body(TIMEOUT, head_only)
    }

    fn write_stderr(&mut self, _error: &str, _out: &mut Vec<u8>) {}

    fn reads_while_responding(&self) -> bool {
        false
    }

    fn has_preamble(&self) -> bool {
        false
    }

    fn peer_may_go_on(&self) -> bool {
        false
    }

    fn ends_with_the_close(&self) -> bool {
        false
    }

    /// No front end half-closes: a readable end of file means that the client is gone.
    fn half_close_is_hang_up(&self) -> bool {
        true
    }
}
