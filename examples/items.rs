//! A small JSON API with the whole command around it: routes, a body, a stream, a file.
//!
//! ```text
//! cargo run --example items -- serve --http 127.0.0.1:8080 --workers 2
//! curl http://127.0.0.1:8080/items -d '{"name": "lamp"}'     201, and where it is
//! curl http://127.0.0.1:8080/items/1                         the file, sent with sendfile
//! curl http://127.0.0.1:8080/items                           a line for each, as they are read
//! ```
//!
//! Every worker is a process, so what they share lies outside of them: here in files, more often in a database.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, str};

use matchit::Router;
use serde_json::{Value, json};
use tidegate::{AppError, Application, Body, Bytes, Environ, Program, StartResponse};

fn main() -> ExitCode {
    // In a program of your own: Program::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).
    Program::new("items", "1.2.3")
        .about("Items, kept as files in the folder that ITEMS names.")
        .run(Items::open)
}

/// The application: one for each worker.
struct Items {
    folder: PathBuf,
    router: Router<Route>,
}

#[derive(Clone, Copy)]
enum Route {
    All,
    One,
}

impl Application for Items {
    fn call(&mut self, mut environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
        let method = environ.method().to_vec();
        let path = str::from_utf8(environ.path()).unwrap_or_default().to_owned();
        let Ok(found) = self.router.at(&path) else {
            return answer(&start_response, "404 Not Found", &json!({ "error": "no such path" }));
        };
        match (method.as_slice(), found.value) {
            (b"GET" | b"HEAD", Route::All) => self.list(&start_response),
            (b"POST", Route::All) => self.add(&mut environ, &start_response),
            (b"GET" | b"HEAD", Route::One) => {
                let number = found.params.get("number").and_then(|number| number.parse().ok());
                self.show(number, &start_response)
            }
            _ => {
                answer(&start_response, "405 Method Not Allowed", &json!({ "error": "no such method here" }))
            }
        }
    }
}

impl Items {
    /// Its error is what the command says, and why it does not serve.
    fn open() -> Result<Items, AppError> {
        let folder = PathBuf::from(env::var_os("ITEMS").unwrap_or_else(|| "items".into()));
        fs::create_dir_all(&folder)
            .map_err(|error| AppError::new(format!("{}: {error}", folder.display())))?;
        let mut router = Router::new();
        router.insert("/items", Route::All)?;
        router.insert("/items/{number}", Route::One)?;
        Ok(Items { folder, router })
    }

    /// Every item, a line each. A file is opened when the line before it is on its way, so memory holds one.
    fn list(&self, start_response: &StartResponse) -> Result<Body, AppError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        start_response.start("200 OK", [("Content-Type", "application/x-ndjson")])?;
        Ok(Body::chunks(paths.into_iter().map(|path| Ok(Bytes::from(fs::read(path)?)))))
    }

    fn add(&self, environ: &mut Environ, start_response: &StartResponse) -> Result<Body, AppError> {
        // The body is complete before the call, so this waits for nobody.
        let item: Value = match serde_json::from_reader(environ.input()) {
            Ok(item) => item,
            Err(error) => {
                return answer(start_response, "400 Bad Request", &json!({ "error": error.to_string() }));
            }
        };
        for number in 1_u32.. {
            match File::create_new(self.path(number)) {
                // Another has it, perhaps since a moment ago, by another worker.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                created => created?.write_all(format!("{item}\n").as_bytes())?,
            }
            return answer(start_response, "201 Created", &json!({ "item": format!("/items/{number}") }));
        }
        Err(AppError::new("all numbers are taken"))
    }

    fn show(&self, number: Option<u32>, start_response: &StartResponse) -> Result<Body, AppError> {
        match number.map(|number| File::open(self.path(number))) {
            Some(Ok(file)) => {
                start_response.start("200 OK", JSON)?;
                Ok(Body::file(file)?)
            }
            // What `?` hands up is a 500 to the client, and a line of the log.
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => answer(start_response, "404 Not Found", &json!({ "error": "no such item" })),
        }
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:010}.json"))
    }
}

fn answer(start_response: &StartResponse, status: &str, value: &Value) -> Result<Body, AppError> {
    start_response.start(status, JSON)?;
    Ok(format!("{value}\n").into())
}

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
