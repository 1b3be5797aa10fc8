//! A peer that speaks another protocol than its port: usually a front end with the wrong directive.

use std::fmt;

use super::ProtocolName;

/// Another protocol was sent to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger {
    port: ProtocolName,
    language: Language,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Http,
    Http2,
    Tls,
    Uwsgi,
    Fastcgi,
    Scgi,
    /// A PROXY header (version 1) before HTTP.
    Proxy,
}

impl Stranger {
    /// HTTP/2 on an HTTP port, which only its whole request line tells from HTTP/1.
    pub(super) const HTTP2: Stranger = Stranger { port: ProtocolName::Http, language: Language::Http2 };
    /// A balancer that begins with who the client is, where nobody asked for that.
    pub(super) const PROXY: Stranger = Stranger { port: ProtocolName::Http, language: Language::Proxy };

    /// Recognises a stranger by the first byte that it sends to `port`. A uwsgi packet may begin with any byte, so
    /// there it takes four.
    pub(super) fn at(port: ProtocolName, first: &[u8]) -> Option<Self> {
        let language = match (port, first) {
            // A TLS record of type handshake, whose version is 3.x.
            (ProtocolName::Uwsgi, [0x16, 0x03, 0x00..=0x04, _]) => Language::Tls,
            (ProtocolName::Uwsgi, b"PRI ") => Language::Http2,
            (ProtocolName::Uwsgi, b"GET " | b"HEAD" | b"POST" | b"PUT " | b"PATC" | b"DELE") => {
                Language::Http
            }
            (ProtocolName::Uwsgi, b"OPTI" | b"TRAC" | b"CONN") => Language::Http,
            // BEGIN_REQUEST or GET_VALUES, with a number that front ends give a request.
            (ProtocolName::Uwsgi, [1, 1 | 9, 0, _]) => Language::Fastcgi,
            // The length of a netstring.
            (ProtocolName::Uwsgi, [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9' | b':', _]) => Language::Scgi,
            (_, [0x16]) => Language::Tls,
            (ProtocolName::Fastcgi | ProtocolName::Scgi, [b'A'..=b'Z']) => Language::Http,
            (ProtocolName::Fastcgi | ProtocolName::Scgi | ProtocolName::Http, [0]) => Language::Uwsgi,
            (ProtocolName::Scgi | ProtocolName::Http, [1]) => Language::Fastcgi,
            (ProtocolName::Fastcgi, [b'1'..=b'9']) => Language::Scgi,
            _ => return None,
        };
        Some(Stranger { port, language })
    }

    /// The status that tells the peer, or `None` where it would not understand an HTTP response. The sender of a
    /// uwsgi packet or an SCGI request reads one as its answer.
    pub(super) fn status(self) -> Option<&'static str> {
        match (self.port, self.language) {
            (ProtocolName::Http, Language::Http2) => Some("505 HTTP Version Not Supported"),
            (ProtocolName::Http, _) => Some("400 Bad Request"),
            (_, Language::Tls | Language::Fastcgi) => None,
            _ => Some("400 Bad Request"),
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stranger { port, language } = self;
        let here = match (port, language) {
            (ProtocolName::Uwsgi, _) => "the uwsgi protocol",
            (ProtocolName::Http, Language::Tls) => "plain HTTP",
            (ProtocolName::Http, _) => "HTTP/1.1",
            (ProtocolName::Fastcgi, _) => "FastCGI",
            (ProtocolName::Scgi, _) => "SCGI",
        };
        let (there, directive) = match language {
            Language::Http => ("HTTP", "proxy_pass or a browser"),
            Language::Http2 => ("HTTP/2", ""),
            Language::Tls => ("TLS", ""),
            Language::Uwsgi => ("uwsgi", "uwsgi_pass"),
            Language::Fastcgi => ("FastCGI", "fastcgi_pass"),
            Language::Scgi => ("SCGI", "scgi_pass"),
            Language::Proxy => {
                return f.write_str(
                    "a PROXY protocol header came first, which this listener does not ask for: what sends one \
                     needs a listener for it",
                );
            }
        };
        write!(f, "this port speaks {here}, not {there}")?;
        match (port, language) {
            (ProtocolName::Uwsgi, Language::Tls) => {
                f.write_str(": use uwsgi_pass without suwsgi:// or https")
            }
            (ProtocolName::Http, Language::Tls) => f.write_str(": use http://"),
            _ if directive.is_empty() => Ok(()),
            (ProtocolName::Http, _) => write!(f, ": use nginx's proxy_pass, not {directive}"),
            _ => write!(f, ": use nginx's {port}_pass, not {directive}"),
        }?;
        match language {
            Language::Http => f.write_str("; probes and metrics are asked at the statistics' own address"),
            _ => Ok(()),
        }
    }
}
