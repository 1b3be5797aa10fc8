//! What the bytes of an SCGI request can be wrong about.

use std::fmt;

use crate::protocol::GrammarFault;

/// A request that does not follow SCGI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScgiFault {
    /// It is not digits and a colon, or begins with 0.
    Length,
    Comma,
    Cut,
    NameEmpty,
    LengthNotFirst,
    Version,
}

impl GrammarFault for ScgiFault {}

impl fmt::Display for ScgiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ScgiFault::Length => "the netstring's length is not a number and a colon",
            ScgiFault::Comma => "the netstring of headers does not end in a comma",
            ScgiFault::Cut => "the headers end within a name or a value",
            ScgiFault::NameEmpty => "a header has no name",
            ScgiFault::LengthNotFirst => "the first header is not CONTENT_LENGTH",
            ScgiFault::Version => "there is no header SCGI with the value 1",
        })
    }
}
