//! What `make bench BENCH="…"` can ask for.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// What tidegate costs on this machine, side by side with others, as Markdown tables.
#[derive(Parser)]
#[command(name = "compare")]
pub(crate) struct Options {
    /// The binary under test [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    pub(crate) tidegate: Option<PathBuf>,

    /// An earlier tidegate, whose uwsgi protocol is measured beside this one's.
    #[arg(long, value_name = "PATH")]
    pub(crate) before: Option<PathBuf>,

    /// The virtual environment with the servers of Python applications.
    #[arg(long, value_name = "FOLDER", default_value = "target/venv-bench")]
    pub(crate) python: PathBuf,

    /// Measure these parts, with commas between [default: all]
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub(crate) only: Vec<Part>,

    /// Requests in flight.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) connections: usize,

    /// The figures are medians of so many rounds.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) rounds: u8,

    /// Of one round of one server.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    pub(crate) seconds: f64,

    /// Write the tables there, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

/// A part of what is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The first table's rows of small requests.
    Requests,
    /// Its row of idle connections.
    Idle,
    /// Its row of endless streams.
    Streams,
    /// Its rows of a large response.
    Large,
    /// The second table.
    Protocols,
    /// The third.
    Nginx,
    /// The fourth.
    Python,
    /// The fifth.
    Uploads,
}

impl Part {
    pub(crate) const OF_FIRST_TABLE: [Part; 4] = [Part::Requests, Part::Idle, Part::Streams, Part::Large];
}
