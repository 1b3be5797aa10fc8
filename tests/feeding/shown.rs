//! How an outcome is shown where two of them differ.

use std::fmt::{Debug, Formatter, Result};

use super::{End, Outcome, Request};

impl Debug for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_list().entries(&self.requests).finish()?;
        write!(f, ", said \"{}\", then {:?} after {} bytes", self.out.escape_ascii(), self.end, self.taken)
    }
}

impl Debug for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{}", self.described)?;
        for (name, value) in &self.environ {
            writeln!(f, "  {} = {}", name.escape_ascii(), value.escape_ascii())?;
        }
        let shown = &self.body[..self.body.len().min(500)];
        write!(f, "{} bytes of body: {}", self.body.len(), shown.escape_ascii())?;
        write!(f, ", answered {}", self.answer.escape_ascii())
    }
}

impl Debug for End {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            End::Open(phase) => write!(f, "open in {phase:?}"),
            End::Closed => write!(f, "closed"),
            End::Refused { status, offset, message, answer } => {
                write!(f, "refused with {status:?} at {offset:?}: {message}, told {}", answer.escape_ascii())
            }
        }
    }
}
