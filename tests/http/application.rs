//! The application of most tests here.

use std::io::Read;

use bytes::Bytes;
use tidegate::{AppError, Body, Environ, Limits, StartResponse};

use crate::support::application::{Answer, PLAIN};
use crate::support::server::Server;

pub(crate) fn start() -> Server {
    Server::http(Limits::default(), application)
}

/// The path says what to do: `/echo` sends the body back, `/stream` makes
/// chunks of no known length, `/fail` breaks off after one of them, `/large` sends 1 MiB, and any other path is
/// sent back itself.
pub(crate) fn application(mut environ: Environ, start_response: StartResponse) -> Answer {
    start_response.start("200 OK", PLAIN)?;
    Ok(match environ.path() {
        b"/echo" => {
            let mut body = Vec::new();
            environ.input().read_to_end(&mut body)?;
            assert_eq!(environ.content_length().unwrap_or_default(), body.len() as u64);
            body.into()
        }
        b"/stream" => Body::chunks(["one", "", "two"].map(|text| Ok(Bytes::from(text)))),
        b"/fail" => Body::chunks([Ok(Bytes::from("one")), Err(AppError::new("on purpose"))]),
        b"/large" => vec![b'~'; 1 << 20].into(),
        path => path.to_vec().into(),
    })
}
