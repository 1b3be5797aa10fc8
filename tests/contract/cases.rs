//! A case of the contract, and how it is run over every way.

use tidegate::{AppError, Environ, ProtocolName, StartResponse};

use crate::request::Request;
use crate::rules::contract;
use crate::support::application::Answer;
use crate::support::assert_same;
use crate::support::client::Response;
use crate::ways::{Named, Way, Ways};

/// What is asked, what the application does, and what the client must get.
pub(crate) struct Case {
    /// The first segment of its path too.
    pub(crate) name: &'static str,
    pub(crate) request: Request,
    pub(crate) application: fn(Environ, StartResponse) -> Answer,
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Fields of these names have these values and no others; none is that no such field stands there.
    pub(crate) fields: Vec<(&'static str, Vec<String>)>,
    /// What the log says of it each time.
    logged: Option<&'static str>,
}

impl Case {
    /// A GET that is answered with 200 and no bytes, unless more is said.
    pub(crate) fn new(name: &'static str, application: fn(Environ, StartResponse) -> Answer) -> Case {
        let request = Request::get(format!("/{name}"));
        Case { name, request, application, status: 200, body: Vec::new(), fields: Vec::new(), logged: None }
    }

    pub(crate) fn asked(self, change: impl FnOnce(Request) -> Request) -> Case {
        Case { request: change(self.request), ..self }
    }

    pub(crate) fn gives(self, status: u16, body: impl Into<Vec<u8>>) -> Case {
        Case { status, body: body.into(), ..self }
    }

    /// The application fails before anything is sent.
    pub(crate) fn fails(self) -> Case {
        self.gives(500, "Internal Server Error\n")
            .with("Content-Type", &["text/plain; charset=utf-8"])
            .logs("answered with 500: ")
    }

    pub(crate) fn logs(self, text: &'static str) -> Case {
        Case { logged: Some(text), ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, values: &[&str]) -> Case {
        self.fields.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    #[track_caller]
    fn check(&self, response: &Response) {
        assert_eq!((response.status, response.broken, response.complete), (self.status, None, true));
        assert_same(&response.body, &self.body);
        for (name, values) in &self.fields {
            assert_eq!(&response.all(name).collect::<Vec<_>>(), values, "{name}");
        }
    }

    /// HEAD gets what GET gets and no body, and of Content-Length nothing else.
    #[track_caller]
    fn check_head(&self, response: &Response, of_get: &Response) {
        assert_eq!((response.status, response.broken), (of_get.status, None));
        assert_same(&response.body, b"");
        let told = |response: &Response| {
            let varies = ["Date", "Content-Length", "Transfer-Encoding"];
            let is_told =
                |(name, _): &&(String, String)| !varies.iter().any(|v| v.eq_ignore_ascii_case(name));
            response.headers.iter().filter(is_told).cloned().collect::<Vec<_>>()
        };
        assert_eq!(told(response), told(of_get));
        if let Some(length) = response.header("Content-Length") {
            assert_eq!(Some(length), of_get.header("Content-Length"));
        }
    }
}

fn application(environ: Environ, start_response: StartResponse, cases: &[Case]) -> Answer {
    let name = environ.path().split(|byte| *byte == b'/').nth(1).unwrap_or_default();
    let case = cases.iter().find(|case| case.name.as_bytes() == name);
    let case = case.ok_or_else(|| AppError::new(format!("no case {}", name.escape_ascii())))?;
    (case.application)(environ, start_response)
}

/// Runs every case over these of the ways.
fn run(start: impl Fn(Application) -> Ways, is_ours: impl Fn(&Way) -> bool) {
    let (cases, of_server) = (contract(), contract());
    let ways =
        start(Box::new(move |environ, start_response| application(environ, start_response, &of_server)));
    let mut failures = 0;
    for case in &cases {
        for way in ways.iter().filter(|way| is_ours(way)) {
            let _named = Named::new(case.name, way);
            let response = way.ask(&case.request);
            case.check(&response);
            failures += usize::from(case.status == 500);
            if case.request.method == "GET" {
                let _named = Named::new("asked with HEAD", way);
                case.check_head(&way.ask(&case.request.clone().with_method("HEAD")), &response);
                failures += usize::from(case.status == 500);
            }
        }
    }
    for case in &cases {
        let Some(text) = case.logged else { continue };
        let prefix = format!("{} {}: ", case.request.method, case.request.target);
        let is_said = |line: &&String| line.contains(&prefix) && line.contains(text);
        let said = ways.server.lines.all().iter().filter(is_said).count();
        assert_eq!(said, ways.iter().filter(|way| is_ours(way)).count(), "{prefix}{text}");
    }
    assert!(failures > 0);
    assert_eq!(ways.server.lines.count("answered with 500: "), failures, "a line for each failure");
}

type Application = Box<dyn FnMut(Environ, StartResponse) -> Answer + Send>;

#[test]
fn every_case_over_uwsgi() {
    run(Ways::to, |way| way.protocol == ProtocolName::Uwsgi);
}

#[test]
fn every_case_over_http() {
    run(Ways::to, |way| way.protocol == ProtocolName::Http);
}

#[test]
fn every_case_over_fastcgi() {
    run(Ways::to, |way| way.protocol == ProtocolName::Fastcgi);
}

#[test]
fn every_case_over_scgi() {
    run(Ways::to, |way| way.protocol == ProtocolName::Scgi);
}

#[test]
fn every_case_behind_an_nginx_that_is_told_nothing_more() {
    run(Ways::behind_plain_nginx, |_| true);
}
