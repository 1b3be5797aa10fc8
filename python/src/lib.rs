//! The Python package's native module: the command, whose applications may be Python's.
//!
//! One request's way through it: the `host` has loaded a callable; the `application` is called by the worker with
//! the request, makes its dict (`environs`), its wsgi.input (`input`) and its `start_response`, and turns what
//! the callable returns into a `body` of `chunk`s, or of a file (`file_wrapper`). What it raises is a
//! `failure`. Strings cross the border in `text`.
//!
//! The GIL is taken for each call of an application, and for nothing else that the worker does.

use std::ffi::OsString;

use pyo3::prelude::*;

mod application;
mod attached;
mod body;
mod chunk;
mod embedded;
mod environs;
mod failure;
mod file_wrapper;
mod forked;
mod host;
mod interned_names;
mod lent;
mod shape;
mod start_response;
mod text;
mod threads;
mod uwsgi;
mod waiting;
mod wsgi_errors;
mod wsgi_input;

/// The native part of the package `tidegate`.
// What threads share is frozen or behind a lock, and so no GIL is needed.
#[pymodule(gil_used = false)]
mod _tidegate {
    use super::{OsString, Python, host, pyfunction};

    #[pymodule_export]
    use super::embedded::Embedded;
    #[pymodule_export]
    use super::file_wrapper::FileWrapper;
    #[pymodule_export]
    use super::start_response::{Disconnected, StartResponse, Write};
    #[pymodule_export]
    use super::uwsgi::{
        connection_number, is_connected, is_reload, log_line, master_process, note, own_number,
        request_count, requests_so_far, set_note, started_at, workers_now,
    };
    #[pymodule_export]
    use super::wsgi_errors::Errors;
    #[pymodule_export]
    use super::wsgi_input::Input;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Runs the command `argv`, whose first word is the program's name; returns its exit status.
    #[pyfunction]
    fn run(_py: Python<'_>, argv: Vec<OsString>) -> u8 {
        static HOST: host::PythonHost = host::PythonHost::new();
        tidegate::cli::run(&HOST, argv)
    }
}
