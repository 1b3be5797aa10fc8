//! The contract with the application: PEP 3333's, in Rust.
//!
//! An application takes an [`Environ`] and a [`StartResponse`], and returns a [`Body`] or an [`AppError`].

mod blocks;
mod body;
mod body_file;
pub(crate) mod body_memory;
pub(crate) mod content_length;
mod data;
pub(crate) mod environ;
mod error;
pub(crate) mod hang_up;
pub(crate) mod input;
pub(crate) mod response_head;
mod spool;
mod start_response;
pub(crate) mod variables;

pub use body::Body;
pub(crate) use body::Content;
pub(crate) use data::{Data, FilePart};
pub use error::AppError;
pub(crate) use spool::Spool;
pub(crate) use start_response::Started;
pub use start_response::{StartError, StartResponse};

use crate::application::environ::Environ;

/// What answers requests. Closures of this shape are applications.
///
/// ```
/// use tidegate::{AppError, Application, Body, Environ, StartResponse};
///
/// fn application(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
///     start_response.start("200 OK", [("Content-Type", "text/plain")])?;
///     Ok(Body::from(format!("You asked for {}\n", String::from_utf8_lossy(environ.path()))))
/// }
/// # fn is_application(_: impl Application) {}
/// # is_application(application);
/// ```
pub trait Application {
    /// Answers one request. It is called once the whole body has arrived, and no other request runs meanwhile.
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError>;
}

impl Application for Box<dyn Application + '_> {
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        (**self).call(environ, start_response)
    }
}

impl<F> Application for F
where
    F: FnMut(Environ, StartResponse) -> Result<Body, AppError>,
{
    fn call(&mut self, environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        self(environ, start_response)
    }
}
