//! The log lines of one worker: each thread that asks for it keeps its own.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// Lines as the operator would read them, `WARN 127.0.0.1:4711: refused …`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

static INSTALL: Once = Once::new();

impl Lines {
    /// Keeps the lines of the calling thread from here on.
    pub(crate) fn keep(&self) {
        INSTALL.call_once(|| {
            log::set_logger(&Keeper).expect("no test sets another logger");
            log::set_max_level(log::LevelFilter::Debug);
        });
        OF_THIS_THREAD.set(Some(self.clone()));
    }

    /// How many lines have this in them.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.all().iter().filter(|line| line.contains(text)).count()
    }

    pub(crate) fn contain(&self, text: &str) -> bool {
        self.count(text) > 0
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("tidegate")
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        OF_THIS_THREAD.with_borrow(|lines| {
            if let Some(Lines(lines)) = lines {
                let line = format!("{} {}", record.level(), record.args());
                lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }

    fn flush(&self) {}
}
