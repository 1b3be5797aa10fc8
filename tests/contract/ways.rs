//! The sixteen ways from a client to the application.

use std::fmt;
use std::thread;

use tidegate::{AppError, Body, Environ, Limits, ListenOptions, ProtocolName, StartResponse, StaticFiles};

use crate::client::Client;
use crate::request::Request;
use crate::support::client::{Remote, Response};
use crate::support::eventually;
use crate::support::nginx::Nginx;
use crate::support::server::{Server, threads};

/// The protocols, each over TCP and over a unix socket.
const REMOTES: [(ProtocolName, &str); 8] = [
    (ProtocolName::Uwsgi, "127.0.0.1:0"),
    (ProtocolName::Uwsgi, "FOLDER/uwsgi"),
    (ProtocolName::Http, "127.0.0.1:0"),
    (ProtocolName::Http, "FOLDER/http"),
    (ProtocolName::Fastcgi, "127.0.0.1:0"),
    (ProtocolName::Fastcgi, "FOLDER/fastcgi"),
    (ProtocolName::Scgi, "127.0.0.1:0"),
    (ProtocolName::Scgi, "FOLDER/scgi"),
];

/// One way: the protocol that the server is spoken to, over what kind of socket, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) protocol: ProtocolName,
    pub(crate) is_tcp: bool,
    /// nginx speaks to the server, and the client HTTP to nginx; else the client speaks the protocol itself.
    pub(crate) behind_nginx: bool,
    /// Where the client connects.
    pub(crate) remote: Remote,
}

impl Way {
    /// What the client speaks.
    pub(crate) fn client_protocol(&self) -> ProtocolName {
        if self.behind_nginx { ProtocolName::Http } else { self.protocol }
    }

    /// Whether a response that is broken off can be told from a whole one.
    ///
    /// A length tells it everywhere, and so do HTTP's chunks and FastCGI's END_REQUEST. uwsgi and SCGI have the end of
    /// the connection alone, in whose place comes a reset. While nginx does not buffer, it does not look for END_REQUEST
    /// either, and on a unix socket a FastCGI connection has no reset.
    pub(crate) fn shows_break(&self, has_length: bool, buffered: bool) -> bool {
        let ends_by_itself = match self.protocol {
            ProtocolName::Http => true,
            ProtocolName::Fastcgi => buffered || !self.behind_nginx,
            ProtocolName::Uwsgi | ProtocolName::Scgi => true,
        };
        has_length || self.is_tcp || ends_by_itself
    }

    /// Whether a body that is sent to [`UNBUFFERED`] reaches the server piece by piece. uwsgi and SCGI must have its
    /// length first.
    pub(crate) fn passes_on(&self, is_chunked: bool) -> bool {
        !self.behind_nginx
            || match self.protocol {
                ProtocolName::Http | ProtocolName::Fastcgi => true,
                ProtocolName::Uwsgi => !is_chunked,
                ProtocolName::Scgi => false,
            }
    }

    /// Sends a request; the answer is to be read.
    #[track_caller]
    pub(crate) fn send(&self, request: &Request) -> Client {
        let mut client = Client::connect(self);
        client.send(request.encode(self.client_protocol()));
        client
    }

    /// Sends a request and reads the response to its end.
    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Response {
        let mut response = Response::read(self.send(request));
        if request.method == "HEAD" || response.status == 304 {
            response.complete = response.broken.is_none();
        }
        response
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = if self.is_tcp { "TCP" } else { "a unix socket" };
        let peer = if self.behind_nginx { "from nginx" } else { "directly" };
        write!(f, "{} {peer} over {socket}", self.protocol)
    }
}

/// A server with all listeners, and an nginx before it.
pub(crate) struct Ways {
    pub(crate) server: Server,
    _nginx: Nginx,
    all: Vec<Way>,
}

impl Ways {
    #[track_caller]
    pub(crate) fn to<A>(application: A) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Ways::with(Limits::default(), application)
    }

    #[track_caller]
    pub(crate) fn with<A>(limits: Limits, application: A) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Ways::behind(None, servers, threads(), limits, application)
    }

    /// On the thread of the loop, in each run of the tests.
    #[track_caller]
    pub(crate) fn on_loop<A>(application: A) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Ways::behind(None, servers, None, Limits::default(), application)
    }

    /// With these files before the application.
    #[track_caller]
    pub(crate) fn beside<A>(files: StaticFiles, application: A) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        Ways::behind(Some(files), servers, threads(), Limits::default(), application)
    }

    /// Behind an nginx that was told nothing but where the server is. The ways without it are left out.
    #[track_caller]
    pub(crate) fn behind_plain_nginx<A>(application: A) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        let mut ways = Ways::behind(None, plain_servers, threads(), Limits::default(), application);
        ways.all.retain(|way| way.behind_nginx);
        ways
    }

    #[track_caller]
    fn behind<A>(
        files: Option<StaticFiles>,
        servers: fn(&Server) -> String,
        threads: Option<usize>,
        limits: Limits,
        application: A,
    ) -> Ways
    where
        A: FnMut(Environ, StartResponse) -> Result<Body, AppError> + Send + 'static,
    {
        let mut options = ListenOptions::default();
        options.trust.proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let server = Server::beside(files, threads, &REMOTES, &options, limits, application);
        let nginx = Nginx::serving(&servers(&server));
        let port = nginx.remote.address.as_socket().unwrap().port();
        let mut all = Vec::new();
        for ((n, (protocol, _)), remote) in (1..).zip(REMOTES).zip(&server.remotes) {
            let is_tcp = remote.is_tcp();
            let front = Remote::at(&format!("127.0.0.{n}:{port}"));
            // nginx begins to listen at one address after the other.
            eventually("nginx listens for each remote", || front.try_connect().is_ok());
            all.push(Way { protocol, is_tcp, behind_nginx: false, remote: remote.clone() });
            all.push(Way { protocol, is_tcp, behind_nginx: true, remote: front });
        }
        Ways { server, _nginx: nginx, all }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Way> {
        self.all.iter()
    }

    /// Checks `case` over each way; a failure names both.
    #[track_caller]
    pub(crate) fn each(&self, case: &str, check: impl Fn(&Way)) {
        for way in self.iter() {
            let _named = Named::new(case, way);
            check(way);
        }
    }
}

/// Says what failed, if anything does while it is there.
pub(crate) struct Named(String);

impl Named {
    pub(crate) fn new(case: &str, way: &Way) -> Named {
        Named(format!("{case}: {way}"))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("failed: {}", self.0);
        }
    }
}

/// At this path nginx hands a request's body on as it comes; but not to SCGI, of which it then counts only what has come
/// as the CONTENT_LENGTH, and cuts uploads short (nginx/nginx pull request 1118 mends it).
pub(crate) const UNBUFFERED: &str = "/unbuffered";

/// A server of nginx's for each listener, at an address of its own: so the request that arrives is the same, its port too.
fn servers(server: &Server) -> String {
    let servers = (1..).zip(REMOTES).zip(&server.remotes).map(|((n, (protocol, _)), remote)| {
        let address = &remote.name;
        let (upstream, pass, unbuffered) = match protocol {
            ProtocolName::Uwsgi => (
                String::new(),
                format!("include PARAMS; uwsgi_pass {address};"),
                "uwsgi_request_buffering off;",
            ),
            ProtocolName::Scgi => (String::new(), format!("include scgi_params; scgi_pass {address};"), ""),
            ProtocolName::Fastcgi => (
                format!("upstream remote{n} {{ server {address}; keepalive 4; }}"),
                format!("include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass remote{n};"),
                "fastcgi_request_buffering off;",
            ),
            ProtocolName::Http => (
                format!("upstream remote{n} {{ server {address}; keepalive 4; }}"),
                format!(
                    "proxy_pass http://remote{n};
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header Host $http_host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto $scheme;"
                ),
                "proxy_request_buffering off;",
            ),
        };
        format!(
            "{upstream}
            server {{
                listen 127.0.0.{n}:NGINX_PORT;
                server_name www.example.com;
                location / {{ {pass} }}
                location {UNBUFFERED} {{ {pass} {unbuffered} }}
            }}"
        )
    });
    servers.collect::<Vec<_>>().join("\n")
}

/// The least that makes nginx pass requests on to each listener: it connects for each, and speaks HTTP/1.0.
fn plain_servers(server: &Server) -> String {
    let servers = (1..).zip(REMOTES).zip(&server.remotes).map(|((n, (protocol, _)), remote)| {
        let address = &remote.name;
        let pass = match protocol {
            ProtocolName::Uwsgi => format!("include uwsgi_params; uwsgi_pass {address};"),
            ProtocolName::Http => format!("proxy_pass http://{address};"),
            ProtocolName::Fastcgi => format!("include fastcgi_params; fastcgi_pass {address};"),
            ProtocolName::Scgi => format!("include scgi_params; scgi_pass {address};"),
        };
        format!("server {{ listen 127.0.0.{n}:NGINX_PORT; location / {{ {pass} }} }}")
    });
    servers.collect::<Vec<_>>().join("\n")
}
