//! The demo's commands for an application of one's own, as they stand on its page. Those for Python: tests/python/test_demo.py.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::Server;
use crate::server::{Demo, output};
use crate::support::program::installed;

/// The block of commands that the page has below this heading.
fn commands(page: &str, heading: &str) -> String {
    let section = page.split_once(&format!("<h3>{heading}</h3>"));
    let section = section.unwrap_or_else(|| panic!("no {heading} in {page}")).1;
    let block = section.split_once("<pre class=\"card copy\">").unwrap().1;
    let block = block.split_once("</pre>").unwrap().0;
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(block.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

fn ask(url: &str, more: &[&str]) -> String {
    let mut curl = installed("curl", "curl");
    curl.args(["--silent", "--fail", "--noproxy", "*"]).args(more).arg(url);
    output(curl)
}

#[test]
fn an_application_in_rust_is_made_as_the_page_says() {
    let demo = Demo::start();
    let page = ask(&demo.url("/"), &["-H", "Accept: text/html"]);
    assert_eq!(demo.stop(), [""; 0]);
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("my-app");
    let commands = commands(&page, "Rust").replace("../my-app", place.to_str().unwrap());
    let (make, run) = commands.trim_end().rsplit_once('\n').unwrap();

    // What is compiled already is there, and nothing is fetched; each has the version that was tested.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shell = |script: &str, within: &Path| {
        let mut shell = Command::new("sh");
        let target = root.join("target/own");
        shell.args(["-ec", script]).current_dir(within);
        shell.env("CARGO_TARGET_DIR", target).env("CARGO_NET_OFFLINE", "true").env_remove("RUST_LOG");
        shell.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
        shell
    };
    let made = shell(make, root).output().unwrap();
    assert!(made.status.success(), "{make}\n{}", String::from_utf8_lossy(&made.stderr));
    fs::copy(root.join("Cargo.lock"), place.join("Cargo.lock")).unwrap();
    let built = shell("cargo build", &place).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    assert!(run.contains("--http 127.0.0.1:8081"), "{run}");
    let run = run.replace("--http 127.0.0.1:8081", "--uwsgi 127.0.0.1:0 --http 127.0.0.1:0");
    let server = Server::spawn(shell(&format!("exec {run}"), &place));
    let line = server.line("Listening on http://");
    let url = line.strip_prefix("Listening on ").unwrap().trim_end_matches('/');
    assert_eq!(ask(&format!("{url}/a?b"), &[]), "You asked for /a\n");
    server.stop();
}

#[test]
fn the_documentation_is_there() {
    let demo = Demo::start();
    let page = ask(&demo.url("/"), &["-H", "Accept: text/html"]);
    let links: Vec<&str> =
        page.split("href=\"/docs/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in &links {
        let file = [root.join("docs").join(name), root.join(name)].into_iter().find(|path| path.exists());
        let text = fs::read_to_string(file.unwrap_or_else(|| panic!("no file {name}"))).unwrap();
        assert!(ask(&demo.url(&format!("/docs/{name}")), &[]) == text, "{name} is another");
    }
    for file in fs::read_dir(root.join("docs")).unwrap().map(|file| file.unwrap().file_name()) {
        let name = file.to_str().unwrap().to_owned();
        assert!(!name.ends_with(".md") || links.contains(&&*name), "the demo has no link to {name}");
    }
    assert_eq!(demo.stop(), [""; 0]);
}
