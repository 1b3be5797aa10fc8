//! How long the bytes of a request take to become an environ: `cargo bench --bench decode`.

#[path = "../tests/wire/mod.rs"]
mod wire;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::protocol::{Endpoints, Protocol, Received};
use tidegate::{Environ, Limits, ProtocolName};
use wire::uwsgi::Packet;

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, packet) in [
        ("curl behind stock nginx", include_bytes!("../fixtures/uwsgi/valid/nginx-get.bin").to_vec()),
        ("a browser behind stock nginx", browser()),
        ("74 variables", include_bytes!("../fixtures/uwsgi/valid/nginx-many-headers.bin").to_vec()),
        ("1,000 variables", include_bytes!("../fixtures/uwsgi/valid/vars-1000.bin").to_vec()),
        ("970 variables that end alike", alike()),
    ] {
        let limits = Limits::default();
        group.throughput(Throughput::Bytes(packet.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decode(black_box(&packet), &limits)));
    }
    group.finish();
}

fn decode(mut packet: &[u8], limits: &Limits) -> Environ {
    let mut out = Vec::new();
    match Protocol::new(ProtocolName::Uwsgi, Endpoints::default).receive(&mut packet, &mut out, limits) {
        Ok(Received::Request(environ)) => environ,
        other => panic!("no request: {other:?}"),
    }
}

/// 20 variables, 600 bytes: what the stock uwsgi_params and the headers of a page's load come to.
fn browser() -> Vec<u8> {
    let vars = [
        ("QUERY_STRING", "page=2"),
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_TYPE", ""),
        ("CONTENT_LENGTH", ""),
        ("REQUEST_URI", "/articles?page=2"),
        ("PATH_INFO", "/articles"),
        ("DOCUMENT_ROOT", "/srv/www"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "http"),
        ("REMOTE_ADDR", "203.0.113.7"),
        ("REMOTE_PORT", "51234"),
        ("SERVER_PORT", "80"),
        ("SERVER_NAME", "www.example.com"),
        ("HTTP_HOST", "www.example.com"),
        ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"),
        ("HTTP_ACCEPT", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("HTTP_ACCEPT_LANGUAGE", "en-GB,en;q=0.5"),
        ("HTTP_ACCEPT_ENCODING", "gzip, deflate"),
        ("HTTP_CONNECTION", "keep-alive"),
        ("HTTP_REFERER", "http://www.example.com/"),
    ];
    let packet = vars.iter().fold(Packet::new(), |packet, (name, value)| packet.var(name, value));
    packet.header_and_vars().expect("it fits in a packet")
}

/// What an attacker would send who knows the hash: its names share their length and their last eight bytes.
fn alike() -> Vec<u8> {
    let named = Packet::new().var("REQUEST_METHOD", "GET");
    let packet = (0..970).fold(named, |packet, n| packet.var(format!("HTTP_X_{n:035}_THE_END"), ""));
    packet.header_and_vars().expect("it fits in a packet")
}

criterion_group!(decode_benches, benches);
criterion_main!(decode_benches);
