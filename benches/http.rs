//! How long the bytes of an HTTP request take to become an environ, and a head to become bytes:
//! `cargo bench --bench http`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Protocol, Received};
use tidegate::{Limits, ProtocolName};

const SMALL: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// 12 headers, 500 bytes: a browser's, for a page.
const BROWSER: &[u8] = b"GET /articles?page=2&order=new HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Referer: http://www.example.com/articles\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Priority: u=0, i\r\n\r\n";

const CHUNKED: &[u8] = b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n";

fn benches(criterion: &mut Criterion) {
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("http");
    for (name, request) in [("the least", SMALL), ("a browser's GET", BROWSER), ("a chunked POST", CHUNKED)] {
        group.throughput(Throughput::Bytes(request.len() as u64));
        // A connection that is kept, so that the request before must be answered: with as little as can be.
        let mut conversation = Protocol::new(ProtocolName::Http, endpoints);
        let head = ResponseHead::new("204 No Content", [("Server", "x"), ("Date", "y")], 100);
        let head = head.expect("it is valid");
        let (mut out, mut wire) = (Vec::new(), Vec::new());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut input = black_box(request);
                let received = conversation.receive(&mut input, &mut out, &limits);
                assert!(matches!(received, Ok(Received::Request(_))));
                conversation.head(&head, b"", &mut wire);
                wire.clear();
                assert_eq!(conversation.finish(&mut wire), Persistence::KeepAlive);
            });
        });
    }
    group.finish();
}

fn endpoints() -> Endpoints {
    Endpoints {
        peer: Some("127.0.0.1:51234".parse().expect("an address")),
        local: Some("127.0.0.1:8080".parse().expect("an address")),
        ..Endpoints::default()
    }
}

criterion_group!(http_benches, benches);
criterion_main!(http_benches);
