//! The options of `tidegate serve` that say where it listens, and what is spoken there.

use clap::{Args, value_parser};
use ipnet::IpNet;

use crate::cli::values::{header_field, mode};
use crate::net::listener::{Address, ListenOptions, Owner, parse_network};
use crate::protocol::{ProtocolName, Trust};

#[derive(Args, Debug)]
#[command(next_help_heading = "Listening")]
pub(in crate::cli) struct Listening {
    // Brackets in a doc comment would be a link.
    #[arg(long, value_name = "ADDR", help = UWSGI, long_help = format!("{UWSGI}\n\n{ADDR}"))]
    uwsgi: Vec<Address>,

    #[arg(long, value_name = "ADDR", help = HTTP, long_help = format!("{HTTP}\n\n{DEFAULTS}"))]
    http: Vec<Address>,

    /// Speak HTTP/1.1 here behind a load balancer: each connection begins with a PROXY protocol header, v1 or v2,
    /// that names the client.
    #[arg(long, value_name = "ADDR")]
    http_proxy_protocol: Vec<Address>,

    /// Speak FastCGI here, for nginx's fastcgi_pass.
    #[arg(long, value_name = "ADDR")]
    fastcgi: Vec<Address>,

    /// Speak SCGI here, for nginx's scgi_pass.
    #[arg(long, value_name = "ADDR")]
    scgi: Vec<Address>,

    /// Believe X-Forwarded-For, -Proto, -Host and -Port, or else Forwarded, of these HTTP peers: an address or a
    /// network. Peers on a unix socket are believed once any are.
    #[arg(long, value_name = "NETWORK", value_parser = parse_network, value_delimiter = ',')]
    trusted_proxy: Vec<IpNet>,

    /// Let these TCP peers connect, beside loopback: an address or a network, as 10.0.0.0/8.
    ///
    /// Without it no address is listened on that other machines can reach: whoever speaks uwsgi to the server
    /// can claim to be any client. May be given several times, or as a list with commas.
    #[arg(long, value_name = "NETWORK", value_parser = parse_network, value_delimiter = ',')]
    allow_from: Vec<IpNet>,

    /// Send this field with each response, behind the application's own: one of the same name stands there twice. May be
    /// given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header_field)]
    pub(in crate::cli) fields: Vec<(String, String)>,

    /// Permission bits of a unix socket, in octal.
    ///
    /// nginx must be able to write to it: it must run as the socket's owner, or be in its group.
    #[arg(long, value_name = "MODE", value_parser = mode, default_value = "660")]
    socket_mode: u32,

    /// Owner of a unix socket: USER, USER:GROUP or :GROUP, names or numbers, as :www-data.
    #[arg(long, value_name = "OWNER")]
    socket_owner: Option<Owner>,

    /// Tell here how the workers are: JSON with the keys of uWSGI's stats server, for `tidegate top` and uwsgitop, and
    /// over HTTP the same at / and Prometheus's text at /metrics. ADDR is as with --uwsgi.
    #[arg(long, value_name = "ADDR")]
    pub(super) stats: Option<Address>,

    /// Connections that may wait to be accepted; the kernel's net.core.somaxconn bounds it too.
    #[arg(long, value_name = "COUNT", default_value_t = ListenOptions::default().backlog,
          value_parser = value_parser!(u32).range(1..))]
    backlog: u32,
}

impl Listening {
    /// Where to listen, what is spoken there, and how to listen. A unix socket is `owner`'s unless another was named.
    pub(in crate::cli) fn addresses(
        &self,
        owner: Option<Owner>,
    ) -> Vec<(ProtocolName, Address, ListenOptions)> {
        let (plain, proxied) = (self.options(false, owner), self.options(true, owner));
        // Another protocol is an option above and a line here.
        let asked = [
            (ProtocolName::Uwsgi, &self.uwsgi, &plain),
            (ProtocolName::Http, &self.http, &plain),
            (ProtocolName::Http, &self.http_proxy_protocol, &proxied),
            (ProtocolName::Fastcgi, &self.fastcgi, &plain),
            (ProtocolName::Scgi, &self.scgi, &plain),
        ];
        let mut all = Vec::new();
        for (protocol, addresses, options) in asked {
            all.extend(addresses.iter().map(|address| (protocol, address.clone(), options.clone())));
        }
        if all.is_empty() {
            let loopback = |port| Address::Tcp { host: "127.0.0.1".to_owned(), port };
            all.push((ProtocolName::Uwsgi, loopback(3031), plain.clone()));
            all.push((ProtocolName::Http, loopback(8080), plain));
        }
        all
    }

    /// Where the statistics are told, and how to listen there.
    pub(in crate::cli) fn stats(&self, owner: Option<Owner>) -> Option<(Address, ListenOptions)> {
        self.stats.clone().map(|address| (address, self.options(false, owner)))
    }

    fn options(&self, proxy_protocol: bool, owner: Option<Owner>) -> ListenOptions {
        ListenOptions {
            socket_mode: self.socket_mode,
            socket_owner: self.socket_owner.or(owner),
            allow_from: self.allow_from.clone(),
            trust: Trust { proxies: self.trusted_proxy.clone(), proxy_protocol },
            backlog: self.backlog,
        }
    }
}

const UWSGI: &str = "Speak uwsgi here, for nginx's uwsgi_pass [default: 127.0.0.1:3031]";
const HTTP: &str = "Speak HTTP/1.1 here, for a browser or nginx's proxy_pass [default: 127.0.0.1:8080]";
const ADDR: &str = "\
It may be given several times. ADDR is HOST:PORT or [V6]:PORT (port 0 is any free one), /path or unix:/path for a unix \
socket, @name for an abstract one, fd:N or fd:NAME for a socket that systemd hands over (LISTEN_FDS).";
const DEFAULTS: &str = "\
ADDR is as with --uwsgi. The two defaults hold together, when no listener of any kind is asked for.";
