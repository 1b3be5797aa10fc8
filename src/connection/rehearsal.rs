//! A request without a connection: what the application answers is looked at, and goes nowhere.

use super::exchange::Exchange;
use super::runner::Call;
use crate::application::environ::Environ;
use crate::application::{AppError, Application, Started};
use crate::limits::Limits;

/// Has `application` answer `environ` as if it had come from a client, and returns the status code.
///
/// Of a body without an end `bytes_max` are asked for, as if its client had left then.
pub(crate) fn rehearse<A: Application>(
    application: &mut A,
    environ: Environ,
    limits: &Limits,
    bytes_max: u64,
) -> Result<u16, AppError> {
    let (start_response, started) = Started::pair(&environ, limits, None);
    let (mut exchange, called) = Exchange::call(application, Call { environ, start_response, started });
    called?;
    let (mut code, mut bytes) = (0, 0);
    loop {
        let piece = exchange.next_piece()?;
        if let Some(head) = &piece.head {
            code = head.code();
        }
        bytes += piece.data.len();
        if piece.last || bytes > bytes_max {
            return Ok(code);
        }
    }
}
