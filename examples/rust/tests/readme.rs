//! The commands of README.md are run, with a free port in the place of theirs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const GREETER: &str = env!("CARGO_BIN_EXE_greeter");
const ADDRESS: &str = "127.0.0.1:8080";

/// A server, which ends with the test.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts it by a line as `NAME=VALUE greeter serve …`.
    fn start(line: &str) -> Server {
        let mut words = line.split(' ');
        let (name, value) =
            words.next().and_then(|first| first.split_once('=')).expect("it begins with a variable");
        assert_eq!(words.next(), Some("../../target/release/greeter"));
        let arguments = words.map(|word| word.replace(ADDRESS, "127.0.0.1:0"));
        let mut command = Command::new(GREETER);
        let mut process =
            command.args(arguments).env(name, value).stdout(Stdio::piped()).spawn().expect("it starts");
        let said = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut addresses = said.lines().map_while(Result::ok).filter_map(|line| {
            Some(line.strip_prefix("Listening on http://")?.trim_end_matches('/').to_owned())
        });
        let address = addresses.next().expect("it ended before it listened");
        Server { process, address }
    }

    /// What a line as `curl …` writes.
    fn ask(&self, line: &str) -> String {
        let line = line.replace(ADDRESS, &self.address);
        let output =
            Command::new("curl").args(line.split(' ').skip(1)).output().expect("curl is not installed");
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let status = self.process.wait().expect("it is our child");
        assert!(status.success() || std::thread::panicking(), "{status}");
    }
}

#[test]
fn its_commands_do_what_it_says() {
    let lines: Vec<_> =
        include_str!("../README.md").lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let [build, serve, page, form, stream] = lines[..] else { panic!("other commands: {lines:?}") };
    assert_eq!(build, "cargo build --release");
    let server = Server::start(serve);
    assert_eq!(server.ask(page), "Moin, World\n");
    assert_eq!(server.ask(form), "Moin, Ada\n");
    assert_eq!(server.ask(stream), "1\n2\n3\n");
    assert_eq!(server.ask(&format!("curl -s http://{ADDRESS}/none")), "There is / and /count.\n");
}

#[test]
fn what_it_cannot_serve_is_told() {
    let output = Command::new(GREETER).args(["check"]).env("GREETING", "").output().expect("it starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("GREETING is empty"), "{output:?}");
}
