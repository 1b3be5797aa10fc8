//! What is said at the start: where we listen, what to tell nginx, how to try it.

use std::fmt::Write as _;

use crate::net::listener::Listener;
use crate::protocol::ProtocolName;

/// The words for these listeners, which serve `app`; `path` is worth asking for. `program` is how the command is called.
/// nginx's configuration is for a person, and none for a log.
pub(super) fn banner(
    program: &str,
    app: &str,
    path: &str,
    listeners: &[&Listener],
    with_nginx: bool,
) -> String {
    let mut text = format!("Tidegate {} serves {app}.\n", env!("CARGO_PKG_VERSION"));
    let mut write = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("a String takes all that is written");
    };
    for listener in listeners {
        // A browser's URL ends in a path.
        let slash = if listener.protocol() == ProtocolName::Http && listener.local_tcp().is_some() {
            "/"
        } else {
            ""
        };
        write(format_args!("Listening on {}://{}{slash}\n", listener.protocol(), listener.address()));
    }
    match listeners.iter().find_map(|listener| Some((listener.protocol(), listener.nginx_address()?))) {
        _ if !with_nginx => {}
        Some((protocol, address)) => write(format_args!("{}", server_block(protocol, &address))),
        None => write(format_args!(
            "\nnginx cannot connect to an abstract socket; for nginx, add --uwsgi ADDR.\n"
        )),
    }
    if let Some(command) = listeners.iter().find_map(|listener| try_it(program, listener, path)) {
        write(format_args!("\nTo try it without nginx:\n\n    {command}\n\n"));
    }
    text
}

fn try_it(program: &str, listener: &Listener, path: &str) -> Option<String> {
    let address = listener.nginx_address().unwrap_or_else(|| listener.address());
    match (listener.protocol(), address.strip_prefix("unix:")) {
        (ProtocolName::Uwsgi, _) => Some(format!("{program} request {address} {path}")),
        (ProtocolName::Http, Some(socket)) => {
            Some(format!("curl --unix-socket {socket} http://localhost{path}"))
        }
        (ProtocolName::Http, None) => Some(format!("curl http://{address}{path}")),
        (ProtocolName::Fastcgi | ProtocolName::Scgi, _) => None,
    }
}

/// A server for nginx that passes everything on to us.
fn server_block(protocol: ProtocolName, address: &str) -> String {
    format!(
        "\nFor nginx, in a file that its http block includes (/etc/nginx/conf.d/tidegate.conf):\n\n{}",
        server(protocol, address, "    ")
    )
}

/// The block itself, each line behind `indent`.
pub(super) fn server(protocol: ProtocolName, address: &str, indent: &str) -> String {
    let location = pass(protocol, address).join(&format!("\n{indent}        "));
    format!(
        "{indent}server {{
{indent}    listen 80;
{indent}    server_name localhost;

{indent}    location / {{
{indent}        {location}
{indent}    }}
{indent}}}
"
    )
}

/// What passes a request on.
pub(super) fn pass(protocol: ProtocolName, address: &str) -> Vec<String> {
    match protocol {
        ProtocolName::Uwsgi => vec!["include uwsgi_params;".to_owned(), format!("uwsgi_pass {address};")],
        ProtocolName::Http => vec![
            format!("proxy_pass http://{address};"),
            "proxy_http_version 1.1;".to_owned(),
            "proxy_set_header Connection \"\";".to_owned(),
            "proxy_set_header Host $http_host;".to_owned(),
        ],
        ProtocolName::Fastcgi => {
            vec!["include fastcgi_params;".to_owned(), format!("fastcgi_pass {address};")]
        }
        ProtocolName::Scgi => vec!["include scgi_params;".to_owned(), format!("scgi_pass {address};")],
    }
}
