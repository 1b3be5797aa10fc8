//! The options of `tidegate serve` that bound what a peer may take.

use clap::{Args, builder::RangedU64ValueParser};

use crate::cli::values::{Seconds, Size, waiting_time};
use crate::limits::Limits;

#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Bounds")]
pub(super) struct Bounds {
    /// The largest request body, in bytes or with k, m or g behind; a larger one is answered with 413.
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().body_bytes_max))]
    max_body: Size,

    /// Memory of each worker for request bodies, in bytes or with k, m or g behind. Those that find none left, and those
    /// of more than a quarter of it, go to temporary files; with 0 all do.
    #[arg(long, value_name = "SIZE", default_value_t = Size(Limits::default().bodies_memory_bytes_max as u64))]
    body_memory: Size,

    /// Connections open at once; the rest wait in the backlog.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().connections_count_max,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    max_connections: usize,

    /// Time for a request's head to arrive; then it is answered with 408.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().head_time_max),
          value_parser = waiting_time)]
    head_timeout: Seconds,

    /// Time for a request's body, and a second more for every 500 bytes that arrived; then 408.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().body_time_max),
          value_parser = waiting_time)]
    body_timeout: Seconds,

    /// Time in which a kept-alive HTTP or FastCGI connection may be silent between two requests.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().keep_alive_time_max),
          value_parser = waiting_time)]
    keep_alive: Seconds,

    /// Time without the peer taking a byte of the response; then its connection is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().write_time_max),
          value_parser = waiting_time)]
    write_timeout: Seconds,

    /// Time for running requests to finish at a stop or a reload.
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(Limits::default().grace_time_max))]
    grace: Seconds,
}

impl Bounds {
    /// These bounds, those without an option here at their defaults.
    pub(super) fn limits(&self) -> Limits {
        let bodies = usize::try_from(self.body_memory.0).unwrap_or(usize::MAX);
        Limits {
            body_bytes_max: self.max_body.0,
            body_memory_bytes_max: bodies / 4,
            bodies_memory_bytes_max: bodies,
            connections_count_max: self.max_connections,
            head_time_max: self.head_timeout.0,
            body_time_max: self.body_timeout.0,
            keep_alive_time_max: self.keep_alive.0,
            write_time_max: self.write_timeout.0,
            grace_time_max: self.grace.0,
            ..Limits::default()
        }
    }
}
