//! What is said at the start: where we listen, what to tell nginx, how to try it.

use std::fmt::Write as _;

use crate::listener::Listener;
use crate::protocol::Scheme;

/// The words for these listeners, which serve `app`; `path` is worth asking for.
pub(super) fn banner(app: &str, path: &str, listeners: &[&Listener]) -> String {
    let mut text = format!("Tidegate {} serves {app}.\n", env!("CARGO_PKG_VERSION"));
    let mut write = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a String takes all that is written");
    };
    for listener in listeners {
        write(format_args!("Listening on {} {}\n", listener.scheme(), listener.address()));
    }
    let reachable = listeners.iter().find_map(|listener| Some((listener, listener.nginx_address()?)));
    match &reachable {
        Some((listener, address)) => write(format_args!("{}", server_block(listener.scheme(), address))),
        None => write(format_args!(
            "\nnginx cannot connect to an abstract socket; for nginx, add --uwsgi ADDR.\n"
        )),
    }
    let address = match reachable {
        Some((_, address)) => Some(address),
        None => listeners.first().map(|listener| listener.address()),
    };
    if let Some(address) = address {
        write(format_args!("\nTo try it without nginx:\n\n    tidegate request {address} {path}\n\n"));
    }
    text
}

/// A server for nginx that passes everything on to us.
fn server_block(scheme: Scheme, address: &str) -> String {
    let (params, pass) = match scheme {
        Scheme::Uwsgi => ("uwsgi_params", "uwsgi_pass"),
    };
    format!(
        "
For nginx, in a file that its http block includes (/etc/nginx/conf.d/tidegate.conf):

    server {{
        listen 80;
        server_name localhost;

        location / {{
            include {params};
            {pass} {address};
        }}
    }}
"
    )
}
