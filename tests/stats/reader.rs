//! A reader of a master's statistics.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::master::Master;
use crate::support::client::{Remote, Response, read_all};
use crate::support::eventually;

/// A master that tells of itself on `listener`.
pub(crate) struct Told {
    pub(crate) master: Master,
    pub(crate) remote: Remote,
}

impl Told {
    /// `args` and `--stats` on a unix socket.
    #[track_caller]
    pub(crate) fn start(args: &[&str]) -> Told {
        Told::at("FOLDER/stats", args)
    }

    /// `args` and `--stats ADDRESS`.
    #[track_caller]
    pub(crate) fn at(address: &str, args: &[&str]) -> Told {
        Told::spawn(address, args, |_| {})
    }

    /// The same, where `prepare` may add to the command.
    #[track_caller]
    pub(crate) fn spawn(address: &str, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Told {
        let master = Master::spawn(&[&["--stats", address], args].concat(), prepare);
        let line = master.says("statistics at ");
        let address = line.split("statistics at ").nth(1).unwrap().split(", for").next().unwrap();
        let remote = Remote::at(address);
        Told { master, remote }
    }

    #[track_caller]
    pub(crate) fn http(&self, path: &str) -> Response {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut answer = (Vec::new(), None);
        // On a busy machine it may come so late that it is taken for a reader that says nothing, and told as those are.
        eventually("an answer in HTTP", || {
            answer = read_all(self.remote.send(&request));
            !answer.0.starts_with(b"{")
        });
        Response::of(&answer.0, answer.1)
    }

    /// The JSON, asked for by HTTP.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let response = self.http("/");
        response.assert_status(200);
        serde_json::from_slice(&response.body).unwrap()
    }

    /// The JSON, as uWSGI's tools read it: without a word.
    #[track_caller]
    pub(crate) fn raw(&self) -> Value {
        let (bytes, broken) = read_all(&self.remote.connect());
        assert_eq!(broken, None);
        serde_json::from_slice(&bytes).unwrap()
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> String {
        let response = self.http("/metrics");
        response.assert_status(200);
        response.text()
    }

    /// Waits until the JSON is as wanted, and returns it.
    #[track_caller]
    pub(crate) fn eventually(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut json = self.json();
        eventually(what, || {
            json = self.json();
            is_so(&json)
        });
        json
    }
}

/// The value at a path of keys and places, as `workers.0.pid`.
#[track_caller]
pub(crate) fn at<'a>(json: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(json, |json, key| {
        let inner = key.parse::<usize>().map_or_else(|_| json.get(key), |at| json.get(at));
        inner.unwrap_or_else(|| panic!("no {key} of {path} in {json}"))
    })
}

#[track_caller]
pub(crate) fn number(json: &Value, path: &str) -> f64 {
    at(json, path).as_f64().unwrap_or_else(|| panic!("{path} is no number in {json}"))
}

/// Ends a worker in the worst way.
pub(crate) fn kill_worker(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}
