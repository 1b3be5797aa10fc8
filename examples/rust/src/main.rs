//! A page, a form and a stream, with the whole command around them.

use std::process::ExitCode;

use tidegate::{AppError, Application, Body, Bytes, Environ, Program, StartResponse};

fn main() -> ExitCode {
    Program::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        .about("Greets who asks.")
        .run(Greeter::open)
}

/// The application: one for each thread of each worker.
struct Greeter {
    greeting: String,
}

impl Greeter {
    /// Called at the start, and again by the new workers of a reload; its error keeps the old ones.
    fn open() -> Result<Greeter, AppError> {
        let greeting = std::env::var("GREETING").unwrap_or_else(|_| "Hello".into());
        if greeting.is_empty() {
            return Err(AppError::new("GREETING is empty: set it to a word, or not at all"));
        }
        Ok(Greeter { greeting })
    }
}

impl Application for Greeter {
    fn call(&mut self, mut environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        match (environ.method(), environ.path()) {
            (b"GET" | b"HEAD", b"/") => {
                start_response.start("200 OK", PLAIN)?;
                Ok(format!("{}, World\n", self.greeting).into())
            }
            (b"POST", b"/") => {
                // The body is complete before the call; --max-body bounds it.
                let mut name = Vec::new();
                std::io::Read::read_to_end(environ.input(), &mut name)?;
                start_response.start("200 OK", PLAIN)?;
                Ok(format!("{}, {}\n", self.greeting, name.escape_ascii()).into())
            }
            (b"GET" | b"HEAD", b"/count") => {
                // A chunk is asked for when the one before it is on its way.
                start_response.start("200 OK", PLAIN)?;
                Ok(Body::chunks((1..=3).map(|number| Ok(Bytes::from(format!("{number}\n"))))))
            }
            _ => {
                start_response.start("404 Not Found", PLAIN)?;
                Ok("There is / and /count.\n".into())
            }
        }
    }
}

const PLAIN: [(&str, &str); 1] = [("Content-Type", "text/plain; charset=utf-8")];
