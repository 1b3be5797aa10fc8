//! `tidegate nginx`: what nginx is to be told, for the listeners that are asked for.

use super::options::Options;
use super::{Result, banner, print};
use crate::net::listener::Address;

pub(super) const EXAMPLES: &str = "\
It takes the options of `tidegate serve`, from the command line, the environment and a file, and looks at those that say \
where to listen. Nothing is opened, and no application is loaded.

Examples:
  tidegate nginx --uwsgi /run/app.sock
  tidegate nginx --config /etc/tidegate.toml > /etc/nginx/conf.d/tidegate.conf";

/// Prints a server for nginx that passes everything on to the first listener, and how the others are passed to.
pub(super) fn run(options: &Options) -> Result<()> {
    let (mut text, mut why_not) = (String::new(), Vec::new());
    for (protocol, address, how) in options.listening.addresses(None) {
        let name = format!("{protocol}://{address}");
        let reached = if how.trust.proxy_protocol {
            Err("its connections begin with a PROXY protocol header, which proxy_pass does not send")
        } else {
            seen_by_nginx(&address)
        };
        let seen = match reached {
            Ok(seen) => seen,
            Err(why) => {
                why_not.push(format!("{name}: {why}"));
                continue;
            }
        };
        if text.is_empty() {
            text = format!(
                "# For nginx's http block, as a file in /etc/nginx/conf.d: to {name}\n{}",
                banner::server(protocol, &seen, "")
            );
        } else {
            let lines = banner::pass(protocol, &seen).join("\n#     ");
            text.push_str(&format!("\n# To {name}, in the location:\n#     {lines}\n"));
        }
    }
    if text.is_empty() {
        return Err(format!("nginx cannot be told where to connect to: {}", why_not.join("; ")).into());
    }
    for why in why_not {
        text.push_str(&format!("\n# Not for nginx: {why}\n"));
    }
    print(text.as_bytes())
}

/// The address as nginx, on this machine, writes it.
fn seen_by_nginx(address: &Address) -> std::result::Result<String, &'static str> {
    match address {
        Address::Tcp { port: 0, .. } => Err("the port is any free one, which is known once it listens"),
        Address::Tcp { host, port } => {
            // Every address of this machine is listened on; nginx takes one.
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1".to_owned(),
                "::" => "::1".to_owned(),
                _ => host.clone(),
            };
            Ok(Address::Tcp { host, port: *port }.to_string())
        }
        // nginx wants it absolute.
        Address::Unix(path) => {
            Ok(Address::Unix(std::path::absolute(path).unwrap_or_else(|_| path.clone())).to_string())
        }
        Address::Abstract(_) => Err("nginx cannot connect to an abstract socket"),
        Address::Inherited(_) => Err("the address stands in the .socket unit (ListenStream=)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_as_nginx_writes_it() {
        for (address, want) in [
            ("127.0.0.1:3031", Ok("127.0.0.1:3031")),
            ("0.0.0.0:3031", Ok("127.0.0.1:3031")),
            ("[::]:3031", Ok("[::1]:3031")),
            ("localhost:80", Ok("localhost:80")),
            ("/run/app.sock", Ok("unix:/run/app.sock")),
            ("127.0.0.1:0", Err("the port is any")),
            ("@name", Err("nginx cannot connect")),
            ("fd:3", Err("the address stands in")),
        ] {
            match (seen_by_nginx(&address.parse().unwrap()), want) {
                (Ok(seen), Ok(want)) => assert_eq!(seen, want),
                (Err(why), Err(want)) => assert!(why.starts_with(want), "{why}"),
                (seen, want) => panic!("{address}: {seen:?} instead of {want:?}"),
            }
        }
    }
}
