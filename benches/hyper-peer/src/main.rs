//! The plainest fast hello on hyper: what tidegate's HTTP protocol is compared with.
//!
//! ```text
//! hyper-peer ADDRESS…
//! ```
//!
//! Each ADDRESS is a unix socket's path or IP:PORT. One thread: tokio's current-thread runtime. It gives the answer
//! of `tidegate serve hello`, the same 13 bytes with the same fields; Date and Content-Length are hyper's own.
//! No timer is set, so nothing is spent on time-outs.

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::process::ExitCode;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

fn main() -> ExitCode {
    let addresses: Vec<String> = std::env::args().skip(1).collect();
    if addresses.is_empty() {
        eprintln!("usage: hyper-peer ADDRESS…");
        return ExitCode::FAILURE;
    }
    match run(&addresses) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hyper-peer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Listens on all of them, and serves until the first listener fails.
fn run(addresses: &[String]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(listen(address).await?);
        }
        for listener in listeners {
            listener.await??;
        }
        Ok(())
    })
}

async fn listen(address: &str) -> io::Result<JoinHandle<io::Result<Infallible>>> {
    if address.contains('/') {
        let listener = UnixListener::bind(address)?;
        return Ok(tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await?;
                serve(socket);
            }
        }));
    }
    let listener = TcpListener::bind(address).await?;
    Ok(tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            serve(socket);
        }
    }))
}

/// A task per connection, as in hyper's own examples. A peer that goes is no error of ours.
fn serve(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let connection = http1::Builder::new()
        .keep_alive(true)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(socket), service_fn(|request| ready(hello(&request))));
    tokio::spawn(async move { drop(connection.await) });
}

fn hello(_: &Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, World\n")));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}
