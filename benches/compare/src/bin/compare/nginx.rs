//! All four protocols through nginx: which of them should a front end take?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate_compare::address::Address;
use tidegate_compare::grid::{Bound, Claim, Grid};
use tidegate_compare::protocol::Protocol;
use tidegate_compare::server::Server;

use crate::Bench;
use crate::contenders::find_program;
use crate::measure::Sample;
use crate::subject::{Figure, Subject, grid, samples, serve_hello, start};

const HTTP: &str = "`proxy_pass`, HTTP, keepalive";
const FASTCGI: &str = "`fastcgi_pass`, keepalive";
const UWSGI: &str = "`uwsgi_pass`";
const SCGI: &str = "`scgi_pass`";

/// A row's name, the protocol behind nginx, and the location that leads there.
const ROWS: [(&str, Protocol, &str); 4] = [
    (UWSGI, Protocol::Uwsgi, "/uwsgi"),
    (SCGI, Protocol::Scgi, "/scgi"),
    (FASTCGI, Protocol::Fastcgi, "/fastcgi"),
    (HTTP, Protocol::Http, "/http"),
];

/// HTTP has no word for the address of a request's client: as docs/nginx.md has it, the proxy says it in headers and is
/// believed, so that all four protocols tell the application the same.
const TRUST: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];

const PER_SECOND: &str = "requests per second";
const SUM: &str = "sum, µs";

const FIGURES: [Figure; 7] = [
    (PER_SECOND, 0, |sample| sample.per_second),
    ("p50, µs", 0, |sample| sample.p50),
    ("p99, µs", 0, |sample| sample.p99),
    ("nginx CPU per request, µs", 2, |sample| sample.cpu[0]),
    ("server CPU per request, µs", 2, |sample| sample.cpu[1]),
    (SUM, 2, Sample::cpu_sum),
    ("their core busy, %", 0, |sample| sample.busy),
];

/// One core serves both, so what either spends shows in each of these; the second also where others use the core.
const CLAIMS: [Claim<'_>; 2] = [
    Claim { row: FASTCGI, base: HTTP, column: PER_SECOND, bound: Bound::AtLeast(1.0) },
    Claim { row: FASTCGI, base: HTTP, column: SUM, bound: Bound::AtMost(1.0) },
];

/// Starts nginx before tidegate, measures, and returns the table with the sentences below it.
pub(crate) fn through(bench: &Bench) -> std::io::Result<(Grid, Vec<String>)> {
    let unix =
        |protocol: Protocol| Address::unix(&bench.folder.join(format!("behind-nginx-{protocol}.sock")));
    let protocols = ROWS
        .iter()
        .map(|(_, protocol, _)| Ok((*protocol, unix(*protocol)?)))
        .collect::<std::io::Result<Vec<_>>>()?;
    let front = Address::free_tcp()?;
    let servers = serve_hello(bench, &bench.tidegate, &protocols, &TRUST)
        .and_then(|tidegate| Ok((start_nginx(bench, &front, &protocols)?, tidegate)));
    let subject = |target| match &servers {
        Err(reason) => Err(reason.clone()),
        Ok((nginx, tidegate)) => Ok(Subject::hello(vec![nginx, tidegate], &front, Protocol::Http, target)),
    };
    let subjects: Vec<_> = ROWS.iter().map(|(_, _, location)| subject(*location)).collect();
    let samples = samples(bench, &subjects);

    let grid = grid("through nginx", ROWS.iter().map(|(name, ..)| *name), &samples, &FIGURES);
    let mut notes: Vec<String> = CLAIMS.iter().filter_map(|claim| claim.judge(&grid)).collect();
    notes.extend(nginx_version().map(|version| {
        format!("{version}, one process, TCP to the client with keep-alive, unix sockets to tidegate.")
    }));
    Ok((grid, notes))
}

fn start_nginx(bench: &Bench, front: &Address, protocols: &[(Protocol, Address)]) -> Result<Server, String> {
    let nginx = find_nginx().ok_or("nginx is not installed")?;
    let folder = bench.folder.join("nginx");
    let file = folder.join("nginx.conf");
    let shipped = settings(&nginx).and_then(|settings| shipped_folder(&settings));
    let shipped = shipped.ok_or("nginx -V does not say where its uwsgi_params are")?;
    let written =
        fs::create_dir(&folder).and_then(|()| fs::write(&file, configuration(front, protocols, &shipped)));
    written.map_err(|error| error.to_string())?;
    let mut command = Command::new(nginx);
    command.arg("-p").arg(&folder).arg("-c").arg(&file).args(["-e", "stderr"]);
    start(bench, command, &[front])
}

fn find_nginx() -> Option<PathBuf> {
    find_program("nginx", Path::new("/usr/sbin"))
}

fn nginx_version() -> Option<String> {
    let settings = settings(&find_nginx()?)?;
    Some(settings.lines().next()?.strip_prefix("nginx version: ")?.to_owned())
}

/// What `nginx -V` says: its version and how it was built.
fn settings(nginx: &Path) -> Option<String> {
    let output = Command::new(nginx).arg("-V").output().ok()?;
    String::from_utf8(output.stderr).ok()
}

/// Where the files lie that users include: beside nginx.conf.
fn shipped_folder(settings: &str) -> Option<PathBuf> {
    let file = settings.split_ascii_whitespace().find_map(|word| word.strip_prefix("--conf-path="))?;
    Path::new(file).parent().map(Path::to_owned)
}

/// Where the parameter files lie that come with Tidegate: at the root of the repository.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// As a user would write it, but without a master, a log and limits on the connections of the one client.
fn configuration(front: &Address, protocols: &[(Protocol, Address)], shipped: &Path) -> String {
    let at = |protocol| {
        protocols.iter().find(|(other, _)| *other == protocol).map_or(String::new(), |(_, at)| at.to_string())
    };
    let (uwsgi, scgi, fastcgi, http) =
        (at(Protocol::Uwsgi), at(Protocol::Scgi), at(Protocol::Fastcgi), at(Protocol::Http));
    let shipped = shipped.display();
    format!(
        "daemon off;
master_process off;
error_log stderr warn;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path client_body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream fastcgi {{ server unix:{fastcgi}; keepalive 32; }}
    upstream http {{ server unix:{http}; keepalive 32; }}
    server {{
        listen {front};
        location /uwsgi {{
            include {OURS}/uwsgi_params;
            uwsgi_pass unix:{uwsgi};
        }}
        location /scgi {{
            include {shipped}/scgi_params;
            scgi_pass unix:{scgi};
        }}
        location /fastcgi {{
            include {OURS}/fastcgi_params;
            fastcgi_keep_conn on;
            fastcgi_pass fastcgi;
        }}
        location /http {{
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_pass http://http;
        }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_lie_beside_the_configuration() {
        let settings = "nginx version: nginx/1.22.1\nconfigure arguments: --with-debug --conf-path=/etc/nginx/nginx.conf";
        assert_eq!(shipped_folder(settings), Some("/etc/nginx".into()));
        assert_eq!(shipped_folder("nginx version: nginx/1.22.1"), None);
    }

    #[test]
    fn every_protocol_has_its_place() {
        let at = |port| Address::tcp(([127, 0, 0, 1], port).into()).unwrap();
        let protocols = ROWS.map(|(_, protocol, _)| (protocol, at(80 + protocol as u16)));
        let text = configuration(&at(8080), &protocols, Path::new("/etc/nginx"));
        for (_, protocol, location) in ROWS {
            assert!(text.contains(&format!("location {location} {{")), "{text}");
            assert!(text.contains(&format!("unix:127.0.0.1:{};", 80 + protocol as u16)), "{text}");
        }
        assert_eq!(text.matches(['{']).count(), text.matches('}').count());
    }
}
