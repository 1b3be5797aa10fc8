//! Beside an application that does not come back, and behind front ends that say where the application is.

use std::sync::mpsc;

use tidegate::{Body, Limits, ListenOptions, ProtocolName, StaticFiles};

use crate::support::client::packet;
use crate::support::eventually;
use crate::support::server::Server;
use crate::tree::{self, Tree, not_found};

#[test]
fn a_file_waits_for_no_thread_of_the_application() {
    let tree = Tree::new();
    let files = StaticFiles::new().folder("/static", tree.folder()).unwrap();
    let (let_go, go) = mpsc::channel::<()>();
    let remotes = [(ProtocolName::Http, "127.0.0.1:0"), (ProtocolName::Uwsgi, "FOLDER/uwsgi")];
    // One thread, which is held.
    let server = Server::beside(
        Some(files),
        Some(1),
        &remotes,
        &ListenOptions::default(),
        Limits::default(),
        move |_, start_response| {
            go.recv()?;
            start_response.start("200 OK", [("Content-Type", "text/plain")])?;
            Ok(Body::from("let go"))
        },
    );
    let held = tree::send(&server, "GET /", &[]);
    eventually("the application is called", || server.requests() == 1);
    for _ in 0..10 {
        tree::ask(&server, "GET /static/a.txt", &[]).assert_body("0123456789");
    }
    let_go.send(()).unwrap();
    crate::support::client::Response::read(&held).assert_body("let go");
}

#[test]
fn the_path_is_that_of_the_url() {
    let tree = Tree::new();
    let files = StaticFiles::new().folder("/app/static", tree.folder()).unwrap();
    let server = tree::start(files, not_found);
    let ask = |script_name: &str, path: &str| {
        let packet = packet("GET", path).var("SCRIPT_NAME", script_name);
        server.unix().ask(packet.header_and_vars().unwrap()).status
    };
    assert_eq!(ask("", "/app/static/a.txt"), 200);
    assert_eq!(ask("/app", "/static/a.txt"), 200);
    assert_eq!(ask("/app/static", "/a.txt"), 200);
    assert_eq!(ask("/other", "/static/a.txt"), 404);
    assert_eq!(ask("", "/static/a.txt"), 404);
    // The front end leaves it to the server to take the prefix off.
    let mut bytes = packet("GET", "/app/static/a.txt").var("SCRIPT_NAME", "/app").header_and_vars().unwrap();
    bytes[0] = 30;
    server.unix().ask(bytes).assert_body("0123456789");
}

#[test]
fn the_longest_prefix_goes_first_and_the_next_has_what_it_lacks() {
    let (one, other, root) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (folder, name) in [(&one, "x"), (&one, "one"), (&other, "x"), (&other, "other"), (&root, "x")] {
        std::fs::write(folder.path().join(name), folder.path().to_str().unwrap()).unwrap();
    }
    std::fs::create_dir(root.path().join("static")).unwrap();
    std::fs::write(root.path().join("static/root"), "root").unwrap();
    std::fs::write(root.path().join("index.html"), "home").unwrap();
    let files = StaticFiles::new()
        .folder("/", root.path())
        .and_then(|files| files.folder("/static/", one.path()))
        .and_then(|files| files.folder("/static", other.path()))
        .unwrap();
    let server = tree::start(files, not_found);
    let get = |path: &str| tree::ask(&server, &format!("GET {path}"), &[]);
    get("/static/x").assert_body(one.path().to_str().unwrap());
    get("/static/one").assert_body(one.path().to_str().unwrap());
    get("/static/other").assert_body(other.path().to_str().unwrap());
    get("/static/root").assert_body("root");
    get("/x").assert_body(root.path().to_str().unwrap());
    get("/").assert_body("home");
    get("/none").assert_status(404);
}

#[test]
fn a_folder_may_be_replaced() {
    let all = tempfile::tempdir().unwrap();
    let folder = all.path().join("static");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "old").unwrap();
    let server = tree::start(StaticFiles::new().folder("/", &folder).unwrap(), not_found);
    tree::ask(&server, "GET /a.txt", &[]).assert_body("old");
    std::fs::rename(&folder, all.path().join("before")).unwrap();
    tree::ask(&server, "GET /a.txt", &[]).assert_status(404);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.txt"), "new").unwrap();
    tree::ask(&server, "GET /a.txt", &[]).assert_body("new");
}
