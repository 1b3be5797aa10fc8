//! What a FastCGI peer says while its request is answered.

use crate::wire::fastcgi::record_type::{self, BEGIN_REQUEST, GET_VALUES, STDIN, STDOUT};
use tidegate::protocol::{Endpoints, Persistence, Protocol, Received};
use tidegate::{Limits, ProtocolName};

use crate::application::{ENDLESS_CHUNK_BYTES, LONG_BYTES};
use crate::client::Client;
use crate::server::Server;
use crate::support::application::pattern;
use crate::support::client::end_sending;
use crate::wire::fastcgi::{
    Answer, CANT_MPX_CONN, KEEP_CONN, REQUEST_COMPLETE, Record, abort, begin, end, get, get_values, record,
};

#[test]
fn an_abort_closes_the_body_and_ends_the_request() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        for flags in [0, KEEP_CONN] {
            let mut client = Client::connect(remote);
            client.send(get(1, flags, "/endless"));
            // It streams, and is soon blocked.
            let first = client.record();
            client.send(abort(1));
            server.assert_body_closes();
            assert_stream_is_cut(&mut client, first);
            if flags == KEEP_CONN {
                client.send(get(1, 0, "/hello"));
                assert_eq!(client.answer(1).parts().1, b"Hello, World");
            }
            client.assert_closed();
        }
    }
}

#[test]
fn an_abort_that_comes_with_the_request_is_heard() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send([get(1, KEEP_CONN, "/endless"), abort(1), get(1, 0, "/hello")].concat());
    server.assert_body_closes();
    let mut record = client.record();
    while record.record_type == STDOUT {
        record = client.record();
    }
    assert_eq!(record, end(1, REQUEST_COMPLETE));
    assert_eq!(client.answer(1).parts().1, b"Hello, World");
    client.assert_closed();
}

#[test]
fn an_abort_while_the_request_arrives_ends_it() {
    let server = Server::start();
    let mut client = Client::connect(server.fastcgi());
    client.send(begin(1, KEEP_CONN));
    client.send(abort(1));
    assert_eq!(client.record(), end(1, REQUEST_COMPLETE));
    client.send(crate::wire::fastcgi::post_head(2, 0, "/echo", 10));
    client.send([record(STDIN, 2, b"hello"), abort(2)].concat());
    assert_eq!(client.record(), end(2, REQUEST_COMPLETE));
    client.assert_closed();
    assert_eq!(server.requests(), 0, "no request reaches the application");
}

#[test]
fn a_second_request_is_refused_and_the_stream_goes_on_intact() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect_small(remote);
        client.send(get(1, KEEP_CONN, "/long"));
        let first = client.record();
        client.send([get(2, 0, "/hello"), begin(3, KEEP_CONN)].concat());
        let others = assert_streamed(&mut client, first);
        assert_eq!(others, [end(2, CANT_MPX_CONN), end(3, CANT_MPX_CONN)]);
        client.send(get(2, 0, "/hello"));
        assert_eq!(client.answer(2).parts().1, b"Hello, World");
        client.assert_closed();
    }
}

#[test]
fn management_is_answered_while_a_response_streams() {
    let server = Server::start();
    let (asked, told) = get_values();
    let mut client = Client::connect_small(server.fastcgi());
    client.send([get(1, 0, "/long"), asked.clone()].concat());
    let first = client.record();
    client.send([asked, record(77, 0, b"?")].concat());
    let unknown =
        Record { record_type: record_type::UNKNOWN_TYPE, id: 0, content: vec![77, 0, 0, 0, 0, 0, 0, 0] };
    let others = if first == told {
        let first = client.record();
        [vec![told.clone()], assert_streamed(&mut client, first)].concat()
    } else {
        assert_streamed(&mut client, first)
    };
    assert_eq!(others, [told.clone(), told, unknown]);
    client.assert_closed();
}

#[test]
fn the_next_request_of_the_same_id_waits() {
    let server = Server::start();
    let mut client = Client::connect_small(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/long"));
    let first = client.record();
    // In two pieces, the first of which ends within its BEGIN_REQUEST.
    let next = get(1, 0, "/hello");
    client.send(&next[..11]);
    client.send(&next[11..]);
    assert_eq!(assert_streamed(&mut client, first), []);
    assert_eq!(client.answer(1).parts().1, b"Hello, World");
    client.assert_closed();
    assert_eq!(server.connections(), 1);
}

#[test]
fn what_is_left_of_a_request_means_nothing() {
    let server = Server::start();
    let mut client = Client::connect_small(server.fastcgi());
    client.send(get(1, 0, "/long"));
    let first = client.record();
    let types = [record_type::PARAMS, STDIN, record_type::DATA, 77];
    client.send(types.map(|record_type| record(record_type, 1, b"late")).concat());
    client.send(types.map(|record_type| record(record_type, 5, b"late")).concat());
    client.send(abort(5));
    assert_eq!(assert_streamed(&mut client, first), []);
    client.assert_closed();
}

#[test]
fn a_hang_up_closes_the_body() {
    let server = Server::start();
    for protocol in [ProtocolName::Fastcgi, ProtocolName::Scgi] {
        for remote in server.remotes(protocol) {
            let mut client = Client::connect(remote);
            client.send(match protocol {
                ProtocolName::Scgi => crate::wire::scgi::get("/endless"),
                _ => get(1, KEEP_CONN, "/endless"),
            });
            client.await_bytes();
            end_sending(&client.socket);
            server.assert_body_closes();
        }
    }
}

#[test]
fn what_is_no_record_does_not_lose_the_answer_before_it() {
    let server = Server::start();
    let bad_values = record(GET_VALUES, 0, b"\xff");
    let short_begin = record(BEGIN_REQUEST, 2, b"short");
    let none = [b"\x02\x01".to_vec(), b"GET / HTTP/1.1\r\n".repeat(5_000), bad_values, short_begin];
    for remote in server.remotes(ProtocolName::Fastcgi) {
        for none in &none {
            // In the same read, with a request behind it; and while the response streams.
            let mut client = Client::connect(remote);
            client.send([get(1, KEEP_CONN, "/hello"), none.clone(), get(2, 0, "/hello")].concat());
            assert_eq!(client.answer(1).parts().1, b"Hello, World");
            client.assert_closed();
            let mut client = Client::connect_small(remote);
            client.send(get(1, KEEP_CONN, "/long"));
            let first = client.record();
            client.send([none.clone(), get(2, 0, "/hello")].concat());
            assert_eq!(assert_streamed(&mut client, first), []);
            client.assert_closed();
        }
    }
    // What comes before the request is complete is refused as ever.
    let mut client = Client::connect(server.fastcgi());
    client.send([begin(1, KEEP_CONN), b"\x02".to_vec()].concat());
    assert!(client.answer(1).parts().0.starts_with("Status: 400 "));
    client.assert_closed();
}

#[test]
fn what_is_no_record_ends_the_hearing_however_it_is_cut() {
    let (asked, told) = get_values();
    for none in [b"\x02".to_vec(), record(GET_VALUES, 0, b"\xff"), record(BEGIN_REQUEST, 2, b"short")] {
        let bytes = [get(1, KEEP_CONN, "/"), asked.clone(), none].concat();
        for piece in 1..=bytes.len() {
            let mut protocol = Protocol::new(ProtocolName::Fastcgi, Endpoints::default);
            let (mut out, mut is_responding) = (Vec::new(), false);
            for mut input in bytes.chunks(piece) {
                while !input.is_empty() && (!is_responding || protocol.reads_while_responding()) {
                    match protocol.receive(&mut input, &mut out, &Limits::default()).unwrap() {
                        Received::Request(_) => is_responding = true,
                        other => assert!(matches!(other, Received::More), "{other:?}"),
                    }
                }
            }
            assert!(is_responding && !protocol.reads_while_responding(), "in pieces of {piece}");
            assert_eq!(Record::all(&out), std::slice::from_ref(&told), "in pieces of {piece}");
            assert_eq!(protocol.finish(&mut out), Persistence::Close, "in pieces of {piece}");
        }
    }
}

#[test]
fn who_sends_what_is_no_record_and_hangs_up_is_noticed() {
    let server = Server::start();
    for remote in server.remotes(ProtocolName::Fastcgi) {
        let mut client = Client::connect(remote);
        client.send([get(1, KEEP_CONN, "/endless"), b"\x02\x01".to_vec()].concat());
        client.await_bytes();
        end_sending(&client.socket);
        server.assert_body_closes();
    }
}

#[test]
fn who_asks_and_does_not_read_is_broken_off() {
    let server = Server::with(Limits { steps_per_turn_max: 100, ..Limits::default() });
    let mut client = Client::connect_small(server.fastcgi());
    client.send(get(1, KEEP_CONN, "/endless"));
    let asked = get_values().0.repeat(100);
    let mut sender = client.sender();
    // It ends with an error, once the connection is reset.
    while std::io::Write::write_all(&mut sender, &asked).is_ok() {}
    server.assert_body_closes();
}

/// That `/long` comes whole, from its `first` record to its END_REQUEST; returns the records of others between.
#[track_caller]
fn assert_streamed(client: &mut Client, first: Record) -> Vec<Record> {
    let (mut answer, mut others, mut record) = (Answer::default(), Vec::new(), first);
    while record != end(1, REQUEST_COMPLETE) {
        if record.id == 1 && record.record_type == STDOUT {
            answer.push(1, &record);
        } else {
            others.push(record);
        }
        record = client.record();
    }
    assert!(answer.ended);
    assert_eq!(answer.parts().1.len(), LONG_BYTES);
    assert!(answer.parts().1 == pattern(LONG_BYTES));
    others
}

/// That `/endless` was cut between two records, and then ended.
#[track_caller]
fn assert_stream_is_cut(client: &mut Client, first: Record) {
    let (mut answer, mut record) = (Answer::default(), first);
    while record != end(1, REQUEST_COMPLETE) {
        answer.push(1, &record);
        record = client.record();
    }
    assert!(!answer.ended, "STDOUT is not ended: it is not whole");
    let (_, body) = answer.parts();
    let want = pattern(ENDLESS_CHUNK_BYTES).repeat(body.len() / ENDLESS_CHUNK_BYTES + 1);
    assert!(body == &want[..body.len()]);
}
