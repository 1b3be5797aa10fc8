//! What requests are received with.

use std::ops::Deref;

use crate::application::body_memory::BodyMemory;
use crate::limits::Limits;

/// The bounds, and the memory for bodies.
pub(crate) struct Intake<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) bodies: &'a BodyMemory,
}

impl Deref for Intake<'_> {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        self.limits
    }
}
