//! Load on a server, by hand: through a protocol that keeps no connection alive, one connection per request, as
//! nginx's uwsgi_pass and scgi_pass make it.

use std::process::ExitCode;
use std::time::Duration;

use tidegate_compare::address::Address;
use tidegate_compare::idle;
use tidegate_compare::load::{Bound, Target, run};
use tidegate_compare::options::Options;
use tidegate_compare::protocol::Protocol;
use tidegate_compare::stream::{ENDLESS, Stream, download};

const USAGE: &str = "\
usage: load ADDRESS [TARGET] [OPTION VALUE]…

ADDRESS is a unix socket's path or IP:PORT on the loopback; TARGET is /path?query, / by default.

  --protocol NAME         what the server speaks there: uwsgi, scgi, http or fastcgi (uwsgi)
  --connections N     requests in flight (16)
  --seconds N         how long (5)
  --requests N        at most so many
  --expect TEXT       the body that every reply must have (Hello, World and a newline)
  --idle N            beside N connections that say nothing
  --streams K         beside K endless streams, drained as fast as they come
  --stream-target T   what those ask for (/stream?chunks=1000000000&size=65536)
  --download BYTES    instead: fetch TARGET once, a body of BYTES, and say how fast

Streams and downloads go by uwsgi or SCGI, where the connection's end is the reply's.
";

const NAMES: [&str; 9] = [
    "protocol",
    "connections",
    "seconds",
    "requests",
    "expect",
    "idle",
    "streams",
    "stream-target",
    "download",
];

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1), &NAMES) {
        Ok(options) if matches!(options.positional.len(), 1 | 2) => options,
        Ok(_) => {
            eprint!("{USAGE}");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprint!("load: {error}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match load(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = options.positional[0].parse()?;
    let protocol = options.get("protocol")?.unwrap_or(Protocol::Uwsgi);
    let long = ["download", "streams"].iter().any(|name| matches!(options.get::<String>(name), Ok(Some(_))));
    if long && protocol.keeps_alive() {
        return Err(format!("a long reply by {protocol} is not understood here").into());
    }
    let packets = [protocol.get(options.positional.get(1).map_or("/", String::as_str))];
    if let Some(body) = options.get("download")? {
        let bytes_per_second = download(&address, &packets[0], body)?;
        println!("{:.3} GiB/s", bytes_per_second / f64::from(1 << 30));
        return Ok(());
    }

    idle::raise_descriptor_limit()?;
    let held = idle::hold(&address, options.get("idle")?.unwrap_or(0))?;
    let stream_target: Option<String> = options.get("stream-target")?;
    let stream_packet = protocol.get(stream_target.as_deref().unwrap_or(ENDLESS));
    let mut streams = (0..options.get("streams")?.unwrap_or(0))
        .map(|_| Stream::open(&address, &stream_packet))
        .collect::<Result<Vec<_>, _>>()?;

    let body = options.get::<String>("expect")?.unwrap_or_else(|| "Hello, World\n".into());
    let target = Target { address: &address, protocol, packets: &packets, body: body.as_bytes() };
    let bound = Bound {
        time: Duration::try_from_secs_f64(options.get("seconds")?.unwrap_or(5.0))?,
        requests: options.get("requests")?.unwrap_or(u64::MAX),
    };
    let report = run(&target, options.get("connections")?.unwrap_or(16), bound, &mut streams)?;
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
