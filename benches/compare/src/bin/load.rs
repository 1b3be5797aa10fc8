//! Load on a server, by hand: through a protocol that keeps no connection alive, one connection per request, as
//! nginx's uwsgi_pass and scgi_pass make it.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tidegate_compare::address::Address;
use tidegate_compare::idle;
use tidegate_compare::load::{Bound, Target, run};
use tidegate_compare::protocol::Protocol;
use tidegate_compare::stream::{ENDLESS, Stream, download};

/// Puts load on a server of this machine, and says how it fares.
///
/// Streams and downloads go by uwsgi or SCGI, where the connection's end is the reply's.
#[derive(Parser)]
struct Options {
    /// A unix socket's path or IP:PORT on the loopback.
    address: Address,

    /// What is asked for: /path?query.
    #[arg(default_value = "/")]
    target: String,

    /// What the server speaks there.
    #[arg(long, value_name = "NAME", default_value_t = Protocol::Uwsgi)]
    protocol: Protocol,

    /// Requests in flight.
    #[arg(long, value_name = "N", default_value_t = 16)]
    connections: usize,

    /// How long.
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    seconds: f64,

    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    requests: u64,

    /// The body that every reply must have.
    #[arg(long, value_name = "TEXT", default_value = "Hello, World\n")]
    expect: String,

    /// Beside N connections that say nothing.
    #[arg(long, value_name = "N", default_value_t = 0)]
    idle: usize,

    /// Beside K endless streams, drained as fast as they come.
    #[arg(long, value_name = "K", default_value_t = 0)]
    streams: usize,

    /// What those ask for.
    #[arg(long, value_name = "T", default_value = ENDLESS)]
    stream_target: String,

    /// Instead: fetch TARGET once, a body of BYTES, and say how fast.
    #[arg(long, value_name = "BYTES")]
    download: Option<u64>,
}

fn main() -> ExitCode {
    match load(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let Options { address, protocol, .. } = options;
    if (options.download.is_some() || options.streams > 0) && protocol.keeps_alive() {
        return Err(format!("a long reply by {protocol} is not understood here").into());
    }
    let packets = [protocol.get(&options.target)];
    if let Some(body) = options.download {
        let bytes_per_second = download(address, &packets[0], body)?;
        println!("{:.3} GiB/s", bytes_per_second / f64::from(1 << 30));
        return Ok(());
    }

    idle::raise_descriptor_limit()?;
    let held = idle::hold(address, options.idle)?;
    let stream_packet = protocol.get(&options.stream_target);
    let mut streams =
        (0..options.streams).map(|_| Stream::open(address, &stream_packet)).collect::<Result<Vec<_>, _>>()?;

    let body = options.expect.as_bytes();
    let target = Target { address, protocol: *protocol, packets: &packets, body };
    let time = Duration::try_from_secs_f64(options.seconds)?;
    let bound = Bound { time, requests: options.requests };
    let report = run(&target, options.connections, bound, &mut streams)?;
    drop(held);
    let microseconds = |quantile| report.within(quantile).as_nanos() as f64 / 1000.0;
    println!(
        "{} requests, {:.0} a second; p50 {:.1} µs, p99 {:.1} µs, longest {:.1} µs; {} bytes a reply",
        report.requests,
        report.per_second(),
        microseconds(0.5),
        microseconds(0.99),
        microseconds(1.0),
        report.reply_bytes
    );
    for stream in streams {
        println!("a stream of {} MiB", stream.received >> 20);
    }
    Ok(())
}
