//! Once its buffers are warm, decoding a request allocates nothing.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;

use tidegate::ResponseHead;
use tidegate::protocol::{Endpoints, Persistence, Protocol, Received};
use tidegate::{Limits, ProtocolName};

#[test]
fn decoding_a_stock_nginx_get_allocates_nothing_once_warm() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/uwsgi/valid/nginx-get.bin");
    let packet = fs::read(path).expect("the fixture is there");
    let limits = Limits::default();
    assert!(
        allocations_of(|| decode(&packet, &limits)) > 0,
        "the first request finds no buffers, so it counts"
    );
    for pieces in [packet.len(), 100, 1] {
        let count = allocations_of(|| {
            for _ in 0..10 {
                decode_in(packet.chunks(pieces), &limits);
            }
        });
        assert_eq!(count, 0, "in pieces of {pieces} bytes");
    }
}

#[test]
fn an_http_get_on_a_kept_connection_allocates_nothing_once_warm() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/http/valid/get.http");
    let request = fs::read(path).expect("the fixture is there");
    let (limits, head) = (Limits::default(), ResponseHead::new("204 No Content", [("X", "y")], 100));
    let (head, mut out) = (head.expect("it is valid"), Vec::new());
    let mut conversation = Protocol::new(ProtocolName::Http, Endpoints::default);
    let mut ask = || {
        let received = conversation.receive(&mut request.as_slice(), &mut out, &limits);
        assert!(matches!(received, Ok(Received::Request(_))), "{received:?}");
        conversation.head(&head, b"Sun, 06 Nov 1994 08:49:37 GMT", &mut out);
        assert_eq!(conversation.finish(&mut out), Persistence::KeepAlive);
        out.clear();
    };
    assert!(allocations_of(&mut ask) > 0, "the first request finds no buffers, so it counts");
    assert_eq!(allocations_of(|| (0..10).for_each(|_| ask())), 0);
}

fn decode(packet: &[u8], limits: &Limits) {
    decode_in([packet].into_iter(), limits);
}

fn decode_in<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &Limits) {
    let mut decoder = Protocol::new(ProtocolName::Uwsgi, Endpoints::default);
    let (mut out, mut decoded) = (Vec::new(), None);
    for mut piece in pieces {
        if let Received::Request(environ) =
            decoder.receive(&mut piece, &mut out, limits).expect("it is valid")
        {
            decoded = Some(environ);
        }
    }
    assert_eq!(decoded.expect("it is complete").method(), b"GET");
}

/// How often this thread asks for memory meanwhile.
fn allocations_of(run: impl FnOnce()) -> usize {
    let before = COUNT.get();
    run();
    COUNT.get() - before
}

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is the system allocator's, with the arguments as they came. The counter is a thread-local
// without a destructor, made at compile time, so that counting allocates nothing by itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller keeps `alloc`'s contract, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` with this layout, for nothing else allocates here.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: `pointer` came from `System` with this layout, for nothing else allocates here.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
