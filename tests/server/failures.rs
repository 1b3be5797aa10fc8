//! An application that fails: a 500 if nothing was sent, else a response that is seen to break off.

use bytes::Bytes;
use tidegate::{AppError, Body};

use crate::support::application::PLAIN;
use crate::support::client::get;
use crate::support::eventually;
use crate::support::server::Server;

#[test]
fn a_panic_of_close_ends_nothing_but_itself() {
    struct PanicsOnClose(Option<Bytes>);
    impl Iterator for PanicsOnClose {
        type Item = Result<Bytes, AppError>;
        fn next(&mut self) -> Option<Self::Item> {
            self.0.take().map(Ok)
        }
    }
    impl Drop for PanicsOnClose {
        fn drop(&mut self) {
            panic!("in close()");
        }
    }
    let server = Server::start(|_, start_response| {
        start_response.start("200 OK", PLAIN)?;
        Ok(Body::chunks(PanicsOnClose(Some("whole".into()))))
    });
    for _ in 0..2 {
        for remote in &server.remotes {
            remote.ask(get("/")).assert_body("whole");
        }
    }
    // The client has all of the response before the body is closed.
    eventually("four panics are logged", || {
        server.lines.count("closing the body: panicked: in close()") == 4
    });
}
