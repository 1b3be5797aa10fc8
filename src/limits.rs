//! Every bound of the server, each with its unit, its reason and a precedent.
//!
//! Nothing that a peer or an application controls grows without one of these. The bounds that the wire itself
//! sets (a uwsgi packet's vars are at most 65,535 bytes) are constants beside their decoder.

use std::time::Duration;

/// The bounds of one worker. `Limits::default()` is meant to be right behind nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Variables in one request, a count. More is a 431.
    /// Many tiny vars cost more to index than to send. Apache's LimitRequestFields is 100, Django's
    /// DATA_UPLOAD_MAX_NUMBER_FIELDS 1,000; nginx itself has no bound on their number.
    pub vars_count_max: usize,

    /// Variables of one FastCGI or SCGI request together, bytes. More is a 431.
    /// It is what a uwsgi packet can hold, and PHP-FPM's and nginx's own bounds are below it.
    pub vars_bytes_max: usize,

    /// HTTP request line, bytes with its line end. More is a 414.
    /// nginx's large_client_header_buffers allow 8 KiB; RFC 9112 section 3 recommends at least 8,000.
    pub http_request_line_bytes_max: usize,

    /// HTTP request line and header fields together, and a chunked body's trailer section, bytes each. More is a
    /// 431. nginx allows 32 KiB, Node.js 16 KiB, and a uwsgi packet holds 64 KiB.
    pub http_head_bytes_max: usize,

    /// HTTP header fields, and trailer fields, a count each. More is a 431.
    /// Apache's LimitRequestFields is 100.
    pub http_headers_count_max: usize,

    /// A chunk's size line with its extensions, bytes with its line end. More is a 400: no known client sends extensions.
    /// Go's net/http allows 4 KiB, hyper 16 KiB.
    pub http_chunk_line_bytes_max: usize,

    /// Time in which a kept-alive connection may be silent between two requests; then it is closed.
    /// nginx's keepalive_timeout is 75 s, and its upstream keepalive_timeout 60 s: ours is longer, so that nginx
    /// is the one that closes, and never sends a request into our close.
    pub keep_alive_time_max: Duration,

    /// Request body, bytes. More is a 413, told before the body is read.
    /// nginx's client_max_body_size (1 MiB by default) is the bound that users set; Apache's
    /// LimitRequestBody has been 1 GiB since 2.4.54.
    pub body_bytes_max: u64,

    /// Request body kept in memory, bytes; a longer one goes to an unlinked temporary file. Photos and documents are
    /// below it. nginx's client_body_buffer_size is 16 KiB, waitress's inbuf_overflow 512 KiB: neither has a bound of all
    /// bodies together, which here is the next.
    pub body_memory_bytes_max: usize,

    /// Request bodies kept in memory together, bytes, and what of that memory is kept for the next ones; a body that
    /// would go beyond it goes to an unlinked temporary file. Squid's cache_mem, for what is in transit, is 256 MiB of
    /// its one process.
    pub bodies_memory_bytes_max: usize,

    /// Time after which memory for bodies that none has wanted meanwhile goes back to the system: pages that it has to give
    /// again cost more than all else of an upload. jemalloc's dirty_decay_ms is 10 s.
    pub bodies_memory_idle_time_max: Duration,

    /// Ranges of a file that one request may ask for, a count; with more it gets all of the file.
    /// Apache's MaxRanges is 200; CVE-2011-3192 was a Range field of some thousand.
    pub ranges_count_max: usize,

    /// Status line and header fields of one response, bytes, as the application gave them.
    /// nginx takes 4 KiB unless uwsgi_buffer_size says otherwise; no front end takes more than 64 KiB.
    pub response_head_bytes_max: usize,

    /// What an application gave to write() and the peer has not taken, bytes kept in memory; the rest goes to an
    /// unlinked temporary file. waitress's outbuf_overflow is 1 MiB.
    pub written_memory_bytes_max: usize,

    /// Connections open at once in one worker, a count; the rest wait in the listener's backlog.
    /// nginx's worker_connections is 512, usually raised to some thousands.
    pub connections_count_max: usize,

    /// Time for a request's head, from the accept or the head's first byte. Then 408.
    /// Apache's RequestReadTimeout gives a head 20 s; behind nginx it arrives in one piece.
    pub head_time_max: Duration,

    /// Time for a request's body, to which each `body_bytes_per_second_min` bytes add a second. Then 408.
    /// nginx's client_body_timeout is 60 s; `uwsgi_pass_request_body off` sends a length and no body at all.
    pub body_time_max: Duration,

    /// The slowest body that is waited for, bytes per second. Apache's RequestReadTimeout: MinRate=500.
    pub body_bytes_per_second_min: u64,

    /// Time without one byte of the response being taken by the peer; then the connection is closed.
    /// nginx's send_timeout and uwsgi_read_timeout are 60 s.
    pub write_time_max: Duration,

    /// Time in which a refused peer's bytes are still read and dropped, so that the refusal reaches it.
    /// nginx's lingering_time is 30 s.
    pub drain_time_max: Duration,

    /// Steps (reads, chunks, writes) that a connection may take before the others have their turn, a count.
    /// Two endless streams beside a small request: p99 of 1,050 ms with no bound, 3.4 ms with 16.
    pub steps_per_turn_max: usize,

    /// Connections accepted on one listener before those that are open have their turn, a count.
    /// nginx's multi_accept has no bound; libuv and Twisted stop after some tens.
    pub accepts_per_turn_max: usize,

    /// Time for accepting on one listener, and for the calls of the application that come of it, before the other
    /// listeners and the connections that are open have their turn. A response that flows is held up by one slow call,
    /// not by `accepts_per_turn_max` of them: 300 KiB beside calls of 11 ms took 192 calls without it, 5 with it.
    /// It is looked at between two calls: one call has its bound in the command's `--timeout`.
    pub accept_turn_time_max: Duration,

    /// Pause before accepting again when the process has no file descriptor left.
    /// nginx's accept_mutex_delay, which it uses for this too, is 500 ms.
    pub accept_pause: Duration,

    /// Time in which one of several workers waits for the next bytes of a request on a connection that it has just
    /// accepted, and does nothing else. nginx sends them within some 20 µs of the connect.
    pub first_byte_time_max: Duration,

    /// Time in which it does so until that request is complete. A body of some MiB on a unix socket takes that long.
    pub first_request_time_max: Duration,

    /// Time after a peer that was slower than those two, in which none is waited for so. Peers that send a byte of a
    /// head each 0.4 ms took 99 of 100 requests a second from two workers without it.
    pub first_request_pause: Duration,

    /// Time between two signs of life of a worker that waits, where a master looks for them. It finds then, too, what
    /// the kernel told only a worker that was stopped. systemd's watchdog and gunicorn's workers do so every few seconds.
    pub heartbeat_time: Duration,

    /// Bytes sent on a connection at which it is closed in stages (RFC 9112 section 9.6), so that what a peer still sends
    /// takes nothing of the response away; below it, what was sent is on its way. RFC 6928 lets ten segments, 14,600
    /// bytes, leave before the first is acknowledged; nginx's lingering_close looks only at what has arrived.
    pub staged_close_bytes_min: u64,

    /// Time in which a body may give nothing but empty chunks; then it is a 504, or broken off. `None` is no bound.
    /// The command's `--timeout` sets it: an application that comes back with nothing is as late as one that does not come back.
    pub empty_chunks_time_max: Option<Duration>,

    /// Time in which the reader of a body takes a piece; then it is slow, and where requests wait for the body's thread, the rest is
    /// asked ahead. nginx takes 64 KiB of a unix socket within some 50 µs; a round trip to another city is 10 ms.
    pub reader_piece_time_max: Duration,

    /// Time that requests wait, in all, for a reader that takes each piece in time; then it is slow, too. nginx, which keeps up
    /// to 1 GiB in a file of its own, takes some 20 MiB within it.
    pub reader_time_max: Duration,

    /// What is kept in memory of a body that is asked ahead of its slow reader, so that its thread comes free, bytes; the
    /// rest goes to a temporary file. nginx's proxy_buffers hold as much.
    pub ahead_memory_bytes_max: usize,

    /// What a body is asked ahead of its slow reader in all, bytes. One that is longer keeps its thread. nginx's
    /// proxy_max_temp_file_size is 1 GiB.
    pub ahead_bytes_max: u64,

    /// Requests that may wait for a thread of the application, a count; the next is answered with 503.
    /// uWSGI's and nginx's queue is the listener's backlog, of 100 and 511.
    pub waiting_requests_count_max: usize,

    /// Time in which a request may wait for a thread of the application; then it is answered with 503. `None` is no
    /// bound. mod_wsgi's queue-timeout, for which it names 45 s.
    pub waiting_time_max: Option<Duration>,

    /// Time after which a call of the application has the loop go on on another thread: Go's scheduler, too, looks
    /// about so often.
    pub call_time_before_handover: Duration,

    /// Time that the application has for a call, or for a step of a body, on a thread of its own; then it is a 504, and
    /// the worker takes nothing new. `None` is no bound. gunicorn's timeout is 30 s, of a whole worker.
    pub call_time_max: Option<Duration>,

    /// Time for running requests to finish once the server was asked to stop.
    /// systemd kills after 90 s (TimeoutStopSec); gunicorn's graceful_timeout is 30 s.
    pub grace_time_max: Duration,

    /// Time for a connection that has sent nothing yet, once the server was asked to stop.
    /// nginx sends its packet as soon as it is connected, so a silent connection has no request to lose.
    pub grace_idle_time_max: Duration,

    /// Time for a peer that was answered for the last time to close its side, once the server was asked to stop.
    /// Front ends do so at once; one that reads slowly is still sent what the kernel has of its response.
    pub grace_drain_time_max: Duration,

    /// Time for a peer that cannot be told of the stop, and goes on asking on a connection that it keeps, to come to know of it
    /// otherwise; it is closed behind the next answer then. FastCGI's front ends but nginx are such; php-fpm gives no time.
    pub grace_kept_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            vars_count_max: 1_000,
            vars_bytes_max: 65_535,
            http_request_line_bytes_max: 8 << 10,
            http_head_bytes_max: 64 << 10,
            http_headers_count_max: 100,
            http_chunk_line_bytes_max: 1 << 10,
            keep_alive_time_max: Duration::from_secs(75),
            body_bytes_max: 1 << 30,
            body_memory_bytes_max: 16 << 20,
            bodies_memory_bytes_max: 64 << 20,
            bodies_memory_idle_time_max: Duration::from_secs(10),
            ranges_count_max: 200,
            response_head_bytes_max: 64 << 10,
            written_memory_bytes_max: 1 << 20,
            connections_count_max: 16_384,
            head_time_max: Duration::from_secs(20),
            body_time_max: Duration::from_secs(60),
            body_bytes_per_second_min: 500,
            write_time_max: Duration::from_secs(60),
            drain_time_max: Duration::from_secs(30),
            steps_per_turn_max: 16,
            accepts_per_turn_max: 64,
            accept_turn_time_max: Duration::from_millis(10),
            accept_pause: Duration::from_millis(100),
            first_byte_time_max: Duration::from_millis(1),
            first_request_time_max: Duration::from_millis(5),
            first_request_pause: Duration::from_millis(100),
            heartbeat_time: Duration::from_secs(1),
            staged_close_bytes_min: 14_600,
            empty_chunks_time_max: None,
            reader_piece_time_max: Duration::from_millis(1),
            reader_time_max: Duration::from_millis(20),
            ahead_memory_bytes_max: 64 << 10,
            ahead_bytes_max: 1 << 30,
            waiting_requests_count_max: 1_024,
            waiting_time_max: None,
            call_time_before_handover: Duration::from_millis(1),
            call_time_max: None,
            grace_time_max: Duration::from_secs(30),
            grace_idle_time_max: Duration::from_millis(250),
            grace_drain_time_max: Duration::from_secs(2),
            grace_kept_time_max: Duration::from_secs(2),
        }
    }
}
