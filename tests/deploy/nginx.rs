//! nginx's configuration, in a real nginx before a real worker.

use std::fs;

use tidegate::{Environ, StartResponse};

use crate::shipped;
use crate::support::application::{Answer, PLAIN};
use crate::support::nginx::Nginx;
use crate::support::server::Server;

/// Sends a file that nginx holds to a request for one, and tells any other what it asked for.
fn application(environ: Environ, start_response: StartResponse) -> Answer {
    match environ.path() {
        b"/download" => {
            let file = ("X-Accel-Redirect", "/protected/report.txt");
            start_response.start("200 OK", [PLAIN[0], file])?;
            Ok("not this".into())
        }
        path => {
            start_response.start("200 OK", PLAIN)?;
            let proxy = environ.get("HTTP_PROXY").is_some();
            Ok(format!("{}, proxy: {proxy}", String::from_utf8_lossy(path)).into())
        }
    }
}

#[test]
fn files_are_nginxs_and_all_else_is_the_applications() {
    let server = Server::start(application);
    let unix = &server.remotes[1].name;
    let mut site = shipped("nginx.conf");
    for (theirs, ours) in [
        ("listen 80;", "listen 127.0.0.1:NGINX_PORT;"),
        ("listen [::]:80;", ""),
        ("unix:/run/tidegate/uwsgi.sock", unix.as_str()),
        ("/srv/myproject/static/", "FOLDER/static/"),
        ("/srv/myproject/protected/", "FOLDER/protected/"),
    ] {
        assert!(site.contains(theirs), "{theirs} is not in nginx.conf");
        site = site.replace(theirs, ours);
    }
    let nginx = Nginx::serving(&site);
    for (folder, file, text) in [("static", "a.css", "static"), ("protected", "report.txt", "the report")] {
        let folder = nginx.folder.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    nginx.ask("GET /page", &[("Proxy", "evil.example")], b"").assert_body("/page, proxy: false");
    nginx.get("/static/a.css").assert_body("static");
    nginx.get("/static/none.css").assert_status(404);
    nginx.get("/download").assert_body("the report");
    nginx.get("/protected/report.txt").assert_status(404);
    assert_eq!(nginx.ask("POST /upload", &[], &[b'x'; 100_000]).status, 200);
}
