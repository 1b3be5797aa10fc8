//! What is served: the applications of fixtures/python/bench.

use super::requests::{self, Browsers};
use crate::measure::HELLO;

/// A Python application.
pub(super) struct Application {
    /// In the table.
    pub(super) title: &'static str,
    /// The module in the folder, whose callable is `application`.
    pub(super) module: &'static str,
    /// What must be installed for it.
    pub(super) package: Option<&'static str>,
    /// The clients that ask for it.
    pub(super) browsers: Browsers,
    /// Every reply's body.
    pub(super) body: fn() -> Vec<u8>,
    /// The most CPU that a request may cost, times uWSGI's.
    pub(super) cpu_aim: f64,
    /// How many threads it has, where it waits for something.
    pub(super) threads: Option<u16>,
    /// The bytes of each request's body, where that is what is measured.
    pub(super) upload: Option<u64>,
}

/// In the table's order.
pub(super) const ALL: [Application; 8] = [
    HELLO_TO_ALL,
    Application { title: "hello, one browser", browsers: Browsers::One, ..HELLO_TO_ALL },
    Application {
        title: "20 headers as JSON",
        module: "headers",
        package: None,
        browsers: Browsers::One,
        body: requests::headers_as_json,
        cpu_aim: 1.0,
        threads: None,
        upload: None,
    },
    Application {
        title: "Django view",
        module: "django_view",
        package: Some("Django"),
        browsers: Browsers::Several,
        body: || br#"{"message": "Hello, World"}"#.to_vec(),
        cpu_aim: 1.0,
        threads: None,
        upload: None,
    },
    Application {
        title: "Flask hello",
        module: "flask_view",
        package: Some("Flask"),
        cpu_aim: 1.0,
        ..HELLO_TO_ALL
    },
    Application { title: "waits 10 ms, 8 threads", module: "waits", threads: Some(8), ..HELLO_TO_ALL },
    Application {
        title: "1 ms, and 500 ms in fifty, 8 threads",
        module: "mixed",
        threads: Some(8),
        cpu_aim: 1.0,
        ..HELLO_TO_ALL
    },
    Application {
        title: "1 MiB in 64 KiB chunks",
        module: "chunks",
        package: None,
        browsers: Browsers::Several,
        body: || vec![b'.'; 1 << 20],
        cpu_aim: 1.0,
        threads: None,
        upload: None,
    },
];

const HELLO_TO_ALL: Application = Application {
    title: "hello",
    module: "hello",
    package: None,
    browsers: Browsers::Several,
    body: || HELLO.to_vec(),
    cpu_aim: 0.85,
    threads: None,
    upload: None,
};

/// Bodies that fit the memory for them, and one that does not.
pub(super) const UPLOADS: [Application; 2] = [
    Application {
        title: "10 MiB",
        body: || b"10485760\n".to_vec(),
        cpu_aim: 1.2,
        upload: Some(10 << 20),
        ..UPLOAD
    },
    Application {
        title: "1 GiB",
        body: || b"1073741824\n".to_vec(),
        cpu_aim: 2.0,
        upload: Some(1 << 30),
        ..UPLOAD
    },
];

const UPLOAD: Application = Application { module: "upload", ..HELLO_TO_ALL };

/// Where their files are.
pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/python/bench");

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_application_has_its_file() {
        for application in ALL.iter().chain(&UPLOADS) {
            assert!(Path::new(FOLDER).join(application.module).with_extension("py").exists());
        }
    }
}
