//! start_response and what it gives: the application's side, and the server's.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::response::{HeadError, ResponseHead};

/// Starts the response: PEP 3333's start_response.
///
/// It is owned, so it may be called in [`Application::call`] or be kept by the body and called in its first
/// step, as a generator does. Nothing is sent by the call: the head leaves with the first chunk that is not
/// empty, or at the end.
pub struct StartResponse {
    slot: Rc<RefCell<Slot>>,
}

impl StartResponse {
    /// Gives the status (`"200 OK"`) and the header fields. A second call is an error.
    pub fn start<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        if self.slot.borrow().is_started() {
            return Err(StartError::Twice);
        }
        self.replace(status, headers)
    }

    /// Gives status and header fields in place of what was given before: start_response with exc_info. Once the
    /// head has been sent it is an error, and the response can only be broken off.
    pub fn replace<N, V>(
        &self,
        status: impl AsRef<[u8]>,
        headers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<(), StartError>
    where
        N: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        if matches!(self.slot.borrow().head, HeadSlot::Sent) {
            return Err(StartError::Sent);
        }
        let bytes_max = self.slot.borrow().bytes_max;
        let head = ResponseHead::new(status, headers, bytes_max).map_err(StartError::Head)?;
        self.slot.borrow_mut().head = HeadSlot::Started(head);
        Ok(())
    }
}

/// The server's side of [`StartResponse`]: where the head that was given is found.
pub struct Started {
    slot: Rc<RefCell<Slot>>,
}

impl Started {
    /// Both sides of one response whose head may take `bytes_max` bytes.
    pub fn pair(bytes_max: usize) -> (StartResponse, Started) {
        let slot = Rc::new(RefCell::new(Slot { head: HeadSlot::Empty, bytes_max }));
        (StartResponse { slot: Rc::clone(&slot) }, Started { slot })
    }

    /// Takes the head to send it: no other can be given from here on. `None` if none was given.
    pub fn send(&self) -> Option<ResponseHead> {
        let mut slot = self.slot.borrow_mut();
        match std::mem::replace(&mut slot.head, HeadSlot::Sent) {
            HeadSlot::Started(head) => Some(head),
            HeadSlot::Empty | HeadSlot::Sent => None,
        }
    }
}

/// Why start_response was refused; `?` hands it on as an [`AppError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The status or a header field is wrong.
    Head(HeadError),
    /// The response was started before, and this call does not replace.
    Twice,
    /// The head is on its way to the client and cannot be replaced.
    Sent,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Head(error) => error.fmt(f),
            StartError::Twice => {
                write!(f, "start_response was called a second time; only an error may replace a head")
            }
            StartError::Sent => write!(f, "the head is already sent and cannot be replaced"),
        }
    }
}

impl std::error::Error for StartError {}

struct Slot {
    head: HeadSlot,
    bytes_max: usize,
}

impl Slot {
    fn is_started(&self) -> bool {
        matches!(self.head, HeadSlot::Started(_))
    }
}

enum HeadSlot {
    Empty,
    Started(ResponseHead),
    Sent,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    #[test]
    fn a_second_start_is_an_error_unless_it_replaces() {
        let (start_response, started) = Started::pair(1_000);
        start_response.start("200 OK", [("X", "1")]).unwrap();
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Twice));
        start_response.replace("500 Oops", NONE).unwrap();
        let head = started.send().unwrap();
        assert_eq!((head.status(), head.fields()), (b"500 Oops".as_slice(), b"".as_slice()));
        assert_eq!(start_response.replace("500 Oops", NONE), Err(StartError::Sent));
        assert_eq!(start_response.start("200 OK", NONE), Err(StartError::Sent));
    }

    #[test]
    fn a_refused_head_leaves_the_response_unstarted() {
        let (start_response, started) = Started::pair(1_000);
        assert!(start_response.start("200 OK", [("X", "a\r\nb")]).is_err());
        assert!(started.send().is_none());
    }
}
