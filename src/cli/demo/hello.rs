//! `hello`: the smallest application that there is.

use crate::application::{AppError, Body, StartResponse};

pub(super) fn call(start_response: &StartResponse) -> Result<Body, AppError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    Ok(Body::from("Hello, World\n"))
}
