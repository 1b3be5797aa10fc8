//! The nginx snippets of README.md and docs/nginx.md work as pasted. Those of Python's deployments are tested in tests/python.

use std::fs;

use tidegate::{Limits, ListenOptions, ProtocolName};

use crate::support::application::hello;
use crate::support::nginx::Nginx;
use crate::support::server::Server;

/// What the snippets call their backends; and the tests' own listeners, in this order.
const BACKENDS: [(ProtocolName, &str, &str); 4] = [
    (ProtocolName::Uwsgi, "uwsgi_pass", "127.0.0.1:3031"),
    (ProtocolName::Http, "proxy_pass", "127.0.0.1:8080"),
    (ProtocolName::Fastcgi, "fastcgi_pass", "127.0.0.1:9000"),
    (ProtocolName::Scgi, "scgi_pass", "127.0.0.1:4000"),
];
const UNIX: &str = "unix:/run/tidegate.sock";
const LISTEN: &str = "listen 8000;";

#[test]
fn the_application_is_the_one_that_the_documentation_compiles() {
    let read = |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (readme, library) = (read("README.md"), read("src/lib.rs"));
    let code = readme.split("```rust\n").nth(1).and_then(|behind| behind.split("```").next());
    let code = code.expect("README.md has a block of Rust");
    let documented: String =
        code.lines().map(|line| format!("//! {line}").trim_end().to_owned() + "\n").collect();
    assert!(library.contains(&documented), "README.md has another application than src/lib.rs:\n{code}");
}

#[test]
fn every_snippet_works_as_pasted() {
    let read = |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Behind nginx\n").expect("README.md has that section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut snippets = snippets_of(section);
    assert!(!snippets.is_empty(), "README.md has no ```nginx block there");
    snippets.extend(snippets_of(&read("docs/nginx.md")));
    let tcp = BACKENDS.map(|(protocol, ..)| (protocol, "127.0.0.1:0"));
    let unix = ["FOLDER/uwsgi", "FOLDER/http", "FOLDER/fastcgi", "FOLDER/scgi"];
    let unix = BACKENDS.iter().zip(unix).map(|((protocol, ..), path)| (*protocol, path));
    let remotes: Vec<_> = tcp.into_iter().chain(unix).collect();
    let server = Server::speaking(&remotes, &ListenOptions::default(), Limits::default(), hello);
    let mut seen = Vec::new();
    for snippet in &snippets {
        println!("{snippet}");
        assert_eq!(snippet.matches(LISTEN).count(), 1, "a block is one server at {LISTEN}");
        let mut ours = snippet.replace(LISTEN, "listen 127.0.0.1:NGINX_PORT;");
        let mut backends = 0;
        for (n, (protocol, pass, address)) in BACKENDS.into_iter().enumerate() {
            if !snippet.contains(pass) {
                continue;
            }
            seen.push(protocol);
            backends += snippet.matches(address).count() + snippet.matches(UNIX).count();
            ours = ours.replace(address, &server.remotes[n].name);
            ours = ours.replace(UNIX, &server.remotes[BACKENDS.len() + n].name);
        }
        assert_eq!(backends, 1, "a block has one backend, at {BACKENDS:?} or {UNIX}");
        let before = server.connections();
        let nginx = Nginx::serving(&ours);
        nginx.get("/").assert_body("Hello, World");
        assert_eq!(nginx.ask("POST /path?query", &[], b"body").status, 200);
        assert!(server.connections() > before);
    }
    for (protocol, ..) in BACKENDS {
        assert!(seen.contains(&protocol), "docs/nginx.md has no snippet for {protocol}");
    }
}

/// The text of each ```nginx block.
fn snippets_of(page: &str) -> Vec<String> {
    let blocks = page.split("\n```nginx\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap_or_default().to_owned()).collect()
}
