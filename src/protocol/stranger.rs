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
}

impl Stranger {
    /// HTTP/2 on an HTTP port, which only its whole request line tells from HTTP/1.
    pub(super) const HTTP2: Stranger = Stranger { port: ProtocolName::Http, language: Language::Http2 };

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
            (_, [0x16]) => Language::Tls,
            (ProtocolName::Fastcgi | ProtocolName::Scgi, [b'A'..=b'Z']) => Language::Http,
            (ProtocolName::Scgi, [0]) => Language::Uwsgi,
            (ProtocolName::Scgi, [1]) => Language::Fastcgi,
            _ => return None,
        };
        Some(Stranger { port, language })
    }

    /// The status that tells the peer, or `None` where it would not understand an HTTP response. The sender of a
    /// uwsgi packet reads one as its answer.
    pub(super) fn status(self) -> Option<&'static str> {
        match (self.port, self.language) {
            (ProtocolName::Http, Language::Http2) => Some("505 HTTP Version Not Supported"),
            (ProtocolName::Http, _) => Some("400 Bad Request"),
            (_, Language::Tls | Language::Fastcgi) => None,
            (_, Language::Http | Language::Http2 | Language::Uwsgi) => Some("400 Bad Request"),
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
        };
        write!(f, "this port speaks {here}, not {there}")?;
        match (port, language) {
            (ProtocolName::Uwsgi, Language::Tls) => {
                f.write_str(": use uwsgi_pass without suwsgi:// or https")
            }
            (ProtocolName::Http, Language::Tls) => f.write_str(": use http://"),
            _ if directive.is_empty() => Ok(()),
            _ => write!(f, ": use nginx's {port}_pass, not {directive}"),
        }?;
        match language {
            Language::Http => f.write_str("; probes and metrics are asked at the statistics' own address"),
            _ => Ok(()),
        }
    }
}
