//! wsgi.errors: the log.
//!
//! What is written in one piece is one record: a message of the module logging with its traceback is written so. Of what
//! comes in several pieces, as traceback.print_exc() has it, a line is a record when it ends, but a traceback only with its
//! last line, the one that is not indented. The next of a chain is another record, and what leads over to it begins that: to wait
//! whether one comes would lose the first one of a process that is killed meanwhile.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use log::error;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// wsgi.errors: what is written to it are error records of the log. Any text will do: what is no Unicode, a lone surrogate,
/// is replaced.
#[pyclass(frozen, module = "tidegate")]
pub(crate) struct Errors {
    /// What each thread has begun and not ended. Mostly there is nothing.
    begun: Mutex<Vec<(ThreadId, String)>>,
}

#[pymethods]
impl Errors {
    /// Appends text; returns its length in characters, as io's do.
    fn write(&self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        let records = self.add(thread::current().id(), &text.to_string_lossy());
        records.iter().for_each(|record| tell(record));
        text.len()
    }

    /// Writes each of the texts.
    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(line?.cast()?)?;
        }
        Ok(())
    }

    /// Logs what has no end yet.
    pub(crate) fn flush(&self) {
        let begun = mem::take(&mut *self.begun());
        begun.iter().for_each(|(_, text)| tell(text));
    }
}

impl Errors {
    pub(crate) fn new() -> Self {
        Errors { begun: Mutex::default() }
    }

    /// Takes what a thread writes; returns what of it is whole.
    fn add(&self, thread: ThreadId, added: &str) -> Vec<String> {
        let mut begun = self.begun();
        let at = begun.iter().position(|(one, _)| *one == thread);
        let mut text = at.map(|at| begun.swap_remove(at).1).unwrap_or_default();
        text.push_str(added);
        let (mut records, end) = (Vec::new(), whole_bytes(&text));
        if end > 0 {
            let rest = text.split_off(end);
            records.push(mem::replace(&mut text, rest));
        }
        if text.len() > RECORD_BYTES_MAX {
            records.push(mem::take(&mut text));
        }
        if !text.is_empty() {
            begun.push((thread, text));
        }
        records
    }

    /// It is not held while anything of Python's runs, or the log is written.
    fn begun(&self) -> MutexGuard<'_, Vec<(ThreadId, String)>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How much of a text is a record: its whole lines, but for a traceback that has not come to its end.
fn whole_bytes(text: &str) -> usize {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let (mut begin, mut traceback) = (0, None);
    for line in text[..whole].split_inclusive('\n') {
        // Those of an exception group stand behind a frame of + and |.
        let words = line.trim_start_matches([' ', '+', '|', '-']);
        if TRACEBACKS.iter().any(|first| words.starts_with(first)) {
            traceback = traceback.or(Some(begin));
        } else if !line.starts_with([' ', '\t']) && line.trim_end() != "" {
            traceback = None;
        }
        begin += line.len();
    }
    // What stands before it in the same piece, a message of the module logging, is of the same record.
    if traceback.is_some() { 0 } else { whole }
}

/// How a traceback begins, and the next one of a chain.
const TRACEBACKS: [&str; 3] = [
    "Traceback (most recent call last):",
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

fn tell(record: &str) {
    error!(target: "wsgi.errors", "{}", record.trim_matches(['\r', '\n']));
}

/// What has no end is logged when it is longer, bytes: an application that never ends a line fills no memory.
const RECORD_BYTES_MAX: usize = 64 << 10;
