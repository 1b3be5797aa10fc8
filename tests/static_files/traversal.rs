//! All that tries to get out of the folder, or to what is hidden in it.

use std::os::unix::fs::symlink;
use std::{fs, str};

use tidegate::StaticFiles;

use crate::support::client::{Response, packet};
use crate::tree::{self, SECRET, Tree};

/// Targets as a client may send them; PARENT is the folder's parent, as an absolute path.
const TARGETS: &[&str] = &[
    "/static/../secret.txt",
    "/static/./../secret.txt",
    "/static/docs/../../secret.txt",
    "/static/docs/deep/../../../secret.txt",
    "/static/none/../../secret.txt",
    "/static//../secret.txt",
    "/static/..//secret.txt",
    "/static/../tree/../secret.txt",
    "/static/%2e%2e/secret.txt",
    "/static/%2E%2E/secret.txt",
    "/static/.%2e/secret.txt",
    "/static/%2e./secret.txt",
    "/static/%2e%2e%2fsecret.txt",
    "/static%2f..%2fsecret.txt",
    "/static/..%2Fsecret.txt",
    "/static/docs%2f..%2f..%2fsecret.txt",
    "/static/%252e%252e/secret.txt",
    "/static/%252e%252e%252fsecret.txt",
    "/static/..%252fsecret.txt",
    "/static/..%5csecret.txt",
    "/static/..\\secret.txt",
    "/static/%5c..%5csecret.txt",
    "/static/..%c0%afsecret.txt",
    "/static/%c0%ae%c0%ae/secret.txt",
    "/static/..%00/secret.txt",
    "/static/../secret.txt%00",
    "/static/../secret.txt%00.css",
    "/static/%00../secret.txt",
    "/static/.env%00.css",
    "/static/...//secret.txt",
    "/static/....//secret.txt",
    "/static/..;/secret.txt",
    "/static/;/../secret.txt",
    "/static/..%3b/secret.txt",
    "/static../secret.txt",
    "/static..%2fsecret.txt",
    "/staticPARENT/secret.txt",
    "/static/PARENT/secret.txt",
    "/static/%2fPARENT/secret.txt",
    "/static/file:PARENT/secret.txt",
    "//static/../secret.txt",
    "/%2e%2e/static/../secret.txt",
    "/../static/../secret.txt",
    "/static/link-out",
    "/static/link-absolute",
    "/static/link-up/secret.txt",
    "/static/link-up/tree/a.txt",
    "/static/link-up/",
    "/static/docs/link-over/.env",
    "/static/link-near",
    "/static/.env",
    "/static/.env/",
    "/static/.git/config",
    "/static/.git/",
    "/static/%2egit/config",
    "/static/docs/.htaccess",
    "/static/docs/deep/../.htaccess",
    "/static/./.env",
    "/static/.",
    "/static/..",
    "/static/../",
    "/static/../..",
    "/static/proc/self/environ",
    "/static/magic/0",
];

/// The path of a target, decoded once, as a front end gives it.
fn decoded(target: &str) -> Vec<u8> {
    let (mut path, mut rest) = (Vec::new(), target.as_bytes());
    while let [first, behind @ ..] = rest {
        let byte =
            (*first == b'%').then(|| u8::from_str_radix(str::from_utf8(&behind[..2]).unwrap(), 16).unwrap());
        path.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    path
}

#[test]
fn nothing_gets_out() {
    assert!(TARGETS.len() >= 40);
    let tree = Tree::new();
    let folder = tree.folder();
    symlink("../secret.txt", folder.join("link-out")).unwrap();
    symlink(tree.all.path().join("secret.txt"), folder.join("link-absolute")).unwrap();
    symlink("..", folder.join("link-up")).unwrap();
    symlink("..", folder.join("docs/link-over")).unwrap();
    symlink("a.txt", folder.join("link-near")).unwrap();
    symlink("/proc/self/fd", folder.join("magic")).unwrap();
    let server = tree.serve();
    let parent = tree.all.path().to_str().unwrap();
    for target in TARGETS {
        let target = target.replace("PARENT", parent);
        let by_http = tree::ask(&server, &format!("GET {target}"), &[]);
        // A front end may decode the path, and not look at it.
        let packet = packet("GET", "/").var("PATH_INFO", decoded(&target)).header_and_vars().unwrap();
        let by_uwsgi = server.unix().ask(packet);
        for (way, answer) in [("HTTP", by_http), ("uwsgi", by_uwsgi)] {
            assert!(matches!(answer.status, 404 | 400), "{target} by {way}: {}", answer.status);
            assert!(!answer.text().contains(SECRET), "{target} by {way}");
        }
    }
    println!("{} targets, by HTTP and by uwsgi", TARGETS.len());
    // What is there is there all the same.
    tree::ask(&server, "GET /static/a.txt", &[]).assert_body("0123456789");
}

#[test]
fn links_are_followed_where_that_is_asked_for() {
    let tree = Tree::new();
    symlink("../secret.txt", tree.folder().join("link-out")).unwrap();
    symlink("a.txt", tree.folder().join("link-near")).unwrap();
    symlink("docs", tree.folder().join("link-folder")).unwrap();
    let server = tree.serve_by(StaticFiles::new().follow_links());
    for (name, body) in [
        ("link-out", SECRET),
        ("link-near", "0123456789"),
        ("link-folder/", "<p>index</p>"),
        ("link-folder/deep/er/a.txt", "deep"),
    ] {
        tree::ask(&server, &format!("GET /static/{name}"), &[]).assert_body(body);
    }
    // But dots are dots.
    for name in ["../secret.txt", "%2e%2e/secret.txt", ".env", "link-folder/.htaccess"] {
        tree::ask(&server, &format!("GET /static/{name}"), &[]).assert_status(404);
    }
}

#[test]
fn what_may_not_be_read_is_forbidden_and_told() {
    use std::os::unix::fs::PermissionsExt;

    let tree = Tree::new();
    let path = tree.folder().join("a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    let server = tree.serve();
    let response: Response = tree::ask(&server, "GET /static/a.txt", &[]);
    if fs::read(&path).is_ok() {
        // root may read all.
        return response.assert_body("0123456789");
    }
    response.assert_status(403);
    server.eventually_logs("a.txt: Permission denied");
}
