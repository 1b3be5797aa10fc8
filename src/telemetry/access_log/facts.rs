//! Numbers of a request that only some formats have.

use crate::application::environ::Environ;
use crate::application::response_head::ResponseHead;

/// What is counted of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// CONTENT_LENGTH; 0 where there is none.
    pub(super) content_length: u64,
    pub(super) variables: usize,
    /// What they take in a uwsgi packet.
    pub(super) variables_bytes: usize,
    /// Of the response.
    pub(super) header_fields: usize,
    /// How often the application was asked for a chunk of the body.
    pub(super) steps: u64,
}

impl Facts {
    /// What the request itself tells.
    pub(super) fn of(environ: &Environ) -> Self {
        let (mut variables, mut variables_bytes) = (0, 0);
        for (name, value) in environ.iter() {
            variables += 1;
            variables_bytes += 2 + name.len() + 2 + value.len();
        }
        let content_length = environ.content_length().unwrap_or_default();
        Facts { content_length, variables, variables_bytes, ..Facts::default() }
    }

    /// Counts what the head has.
    pub(super) fn add_head(&mut self, head: &ResponseHead) {
        self.header_fields = head.iter().count();
    }
}
