//! What a worker's loop tells of the threads of its application.

/// How many threads there are, and how many do what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadCounts {
    /// The application's threads.
    pub all: usize,
    /// Of these, those that have no request in hand.
    pub idle: usize,
    /// Those that did not come back within `--timeout`.
    pub late: usize,
    /// Those that run the application's code. One whose body waits for a slow reader is neither idle nor among these.
    pub running: usize,
    /// Requests that wait for a thread.
    pub waiting: usize,
}

/// What a thread of the application does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ThreadDoing {
    /// It has no request in hand.
    #[default]
    Idle,
    /// `application(environ, start_response)`.
    Calling,
    /// It makes the next chunk of a body.
    Stepping,
    /// It closes a body.
    Closing,
    /// Its body is open, and its reader is to take what came of it first.
    Holding,
}
