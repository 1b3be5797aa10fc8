//! Settings in a file and in the environment: where each is taken from, and what is said when one is wrong.

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use proptest::sample::select;
use tempfile::TempDir;

use crate::process::{Done, Server, end, tidegate};

/// A configuration file in a folder of its own, in which the commands run: it is `t.toml` to them.
struct Config {
    folder: TempDir,
}

impl Config {
    fn new(text: impl AsRef<[u8]>) -> Config {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("t.toml"), text).unwrap();
        Config { folder }
    }

    /// `tidegate` with these arguments, the file and these variables.
    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = tidegate([args, &["--config", "t.toml"]].concat());
        command.current_dir(&self.folder).envs(variables.iter().copied());
        command
    }

    #[track_caller]
    fn check(&self, args: &[&str], variables: &[(&str, &str)]) -> Done {
        end(self.command(&[&["check"], args].concat(), variables), b"")
    }
}

/// The lines of `tidegate check` that tell of settings, with one space between the columns.
fn settings(done: &Done) -> Vec<String> {
    let lines = done.text().lines().take_while(|line| !line.starts_with("All else"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn refused(text: &str, want: &str) {
    let done = Config::new(text).check(&["hello"], &[]);
    assert_eq!((done.code, done.text()), (Some(1), ""), "{text:?}");
    assert_eq!(done.err, format!("tidegate: {want}\n"), "{text:?}");
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let config =
        Config::new("max-body = '1m'\ngrace = 1\nhttp = ['127.0.0.1:1', '127.0.0.1:2']\nbacklog = 9");
    let done = config.check(
        &["hello", "--max-body", "3m", "--http", "127.0.0.1:3"],
        &[("TIDEGATE_MAX_BODY", "2m"), ("TIDEGATE_GRACE", "2"), ("TIDEGATE_HTTP", "127.0.0.1:4")],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let want = [
        "app hello command line",
        "http 127.0.0.1:3 command line",
        "backlog 9 t.toml:4",
        "max-body 3m command line",
        "grace 2 TIDEGATE_GRACE",
    ];
    assert_eq!(settings(&done), want);
    assert!(
        done.text().ends_with("would listen on http://127.0.0.1:3, with one worker.\n"),
        "{}",
        done.text()
    );
}

#[test]
fn each_kind_of_option_may_stand_in_a_file() {
    let config = Config::new(
        "# app of a comment\napp = 'hello'\nuwsgi = '127.0.0.1:0'\nscgi = []\naccess-log = true\ntrace = false\n\
         verbose = 2\nmax-connections = 1_000\nhead-timeout = 0.5\nsocket-mode = '600'\nneed-app = false\n\
         allow-from = ['10.0.0.0/8', '::1']\n\n[env]\nDEBUG = 1\nSECRET_KEY = 'x=y'\n",
    );
    let done = config.check(&[], &[]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let want = [
        "app hello t.toml:2",
        "env DEBUG=…, SECRET_KEY=… t.toml:14",
        "need-app false t.toml:11",
        "uwsgi 127.0.0.1:0 t.toml:3",
        "scgi t.toml:4",
        "allow-from 10.0.0.0/8, ::1 t.toml:12",
        "socket-mode 600 t.toml:10",
        "max-connections 1000 t.toml:8",
        "head-timeout 0.5 t.toml:9",
        "access-log true t.toml:5",
        "trace false t.toml:6",
        "verbose 2 t.toml:7",
    ];
    assert_eq!(settings(&done), want);
}

#[test]
fn each_kind_of_option_may_stand_in_the_environment() {
    let config = Config::new("trace = true\nfastcgi = ['127.0.0.1:9']");
    let variables = [
        ("TIDEGATE_APP", "hello"),
        ("TIDEGATE_UWSGI", "127.0.0.1:0, /run/x.sock"),
        ("TIDEGATE_ENV", "A=1,B="),
        ("TIDEGATE_NEED_APP", "false"),
        ("TIDEGATE_ACCESS_LOG", "yes"),
        ("TIDEGATE_TRACE", "0"),
        ("TIDEGATE_VERBOSE", "1"),
        // As it comes from a container's file that names a variable which is not set.
        ("TIDEGATE_FASTCGI", ""),
    ];
    let done = config.check(&[], &variables);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let want = [
        "app hello TIDEGATE_APP",
        "env A=…, B=… TIDEGATE_ENV",
        "need-app false TIDEGATE_NEED_APP",
        "uwsgi 127.0.0.1:0, /run/x.sock TIDEGATE_UWSGI",
        "fastcgi 127.0.0.1:9 t.toml:2",
        "access-log true TIDEGATE_ACCESS_LOG",
        "trace false TIDEGATE_TRACE",
        "verbose 1 TIDEGATE_VERBOSE",
    ];
    assert_eq!(settings(&done), want);
}

#[test]
fn a_server_is_made_of_all_three() {
    let config = Config::new("app = 'echo'\nhttp = ['127.0.0.1:0']\nmax-body = 4\naccess-log = true");
    let variables = [("TIDEGATE_MAX_BODY", "8"), ("TIDEGATE_UWSGI", "unix:x.sock")];
    let server = Server::spawn(config.command(&["serve", "--uwsgi", "127.0.0.1:0"], &variables));
    assert_eq!(server.request(&["/", "-d", "12345678"]).text(), "12345678");
    let done = server.request(&["/", "-i", "-d", "123456789"]);
    assert!(done.text().starts_with("HTTP/1.1 413 "), "{}", done.text());
    assert!(done.text().contains("(--max-body)"), "it names no field of Limits: {}", done.text());
    server.line(" POST / 200 ");
    server.stop();
    assert!(!config.folder.path().join("x.sock").exists(), "the lower list was added to the higher one");
}

#[test]
fn the_environment_names_the_file_and_is_enough_for_no_arguments_at_all() {
    let config = Config::new("app = 'echo'\nuwsgi = ['127.0.0.1:0']");
    let mut command = tidegate([""; 0]);
    command.current_dir(&config.folder).env("TIDEGATE_CONFIG", "t.toml");
    let server = Server::spawn(command);
    assert_eq!(server.request(&["/", "-d", "back"]).text(), "back");
    server.stop();

    let mut command = tidegate(["check", "--config", "t.toml"]);
    command.current_dir(&config.folder).env("TIDEGATE_CONFIG", "missing.toml");
    assert_eq!(end(command, b"").code, Some(0), "--config goes before TIDEGATE_CONFIG");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
    refused("\n# max-bdy\nmax-bdy = '1m'", "t.toml:3: unknown key \"max-bdy\"; did you mean \"max-body\"?");
    refused("max_body = 1", "t.toml:1: unknown key \"max_body\"; did you mean \"max-body\"?");
    let top = "; the keys stand at the top of the file, without [server]";
    refused("grace = 1\n[server]\nport = 80", &format!("t.toml:2: unknown key \"server\"{top}"));
    refused("server.a.b = 1", &format!("t.toml:1: unknown key \"server\"{top}"));
    refused("\"\\u001b[1m\" = 1", "t.toml:1: unknown key \"\\u{1b}[1m\"");
    refused("config = 't.toml'", "t.toml:1: unknown key \"config\"");
}

#[test]
fn a_wrong_value_is_told_with_its_line_and_the_options_own_words() {
    for (text, want) in [
        ("max-body = '1x'", "1: max-body: '1x': write a number of bytes, as 4096, 64k, 10m or 1g"),
        ("\nmax-connections = 0", "2: max-connections: 0: 0 is not in 1..18446744073709551615"),
        ("head-timeout = 0.0", "1: head-timeout: 0.0: it must be more than 0"),
        ("head-timeout = nan", "1: head-timeout: nan: write a number of seconds up to 31536000"),
        ("need-app = 'perhaps'", "1: need-app: 'perhaps': write one of true, false"),
        ("chdir = ''", "1: chdir: '': it must not be empty"),
        ("app = '-v'", "1: app: '-v': it begins with -, as only options do"),
        ("env = ['A']", "1: env: 'A': write KEY=VALUE"),
        ("access-log = 1", "1: access-log: 1: write true or false"),
        ("access-log = 'true'", "1: access-log: 'true': write true or false"),
        ("verbose = true", "1: verbose: true: write a number from 0 to 255"),
        ("verbose = 256", "1: verbose: 256: write a number from 0 to 255"),
        ("max-body = ['1']", "1: max-body: ['1']: write one value, not a list"),
        ("max-body = true", "1: max-body: true: it is not true or false: write the value"),
        (
            "max-body = 0x10",
            "1: max-body: 0x10: write a decimal number, and permission bits in quotes, as \"660\"",
        ),
        ("grace = 07:32:00", "1: grace: 07:32:00: no option takes a date or a time: put a text in quotes"),
        ("[http]\nx = 1", "1: http: [http]: write the value; no option takes a table"),
        ("scgi = [['x']]", "1: scgi: ['x']: write a list without lists in it"),
        ("quiet = 1\ntrace = true\nverbose = 1", "3: verbose cannot stand beside quiet (t.toml:1)"),
        ("grace = 1\ngrace = 2", "2: duplicate key"),
    ] {
        refused(text, &format!("t.toml:{want}"));
    }
    // The line is that of the item, not of the list.
    let done = Config::new("http = [\n  '127.0.0.1:1',\n  'nowhere',\n]").check(&["hello"], &[]);
    assert!(done.err.starts_with("tidegate: t.toml:3: http: 'nowhere': "), "{}", done.err);
    let done = Config::new(format!("max-body = '{}'", "x".repeat(100))).check(&["hello"], &[]);
    assert!(done.err.contains(&format!(": '{}…: write", "x".repeat(59))), "{}", done.err);
}

#[test]
fn all_that_is_wrong_in_a_file_is_told_at_once() {
    let text = "app = noapp:wsgi\nprocesses = 4\ngrace = 1\nhttp = [127.0.0.1:0, '::1:0']\nmax-bdy = 3\n\
                access-log = yes\nscgi = ['x', '127.0.0.1:0', 'y']\nhead-timeout = 1s # short\n[tidegate]\nworkers = 2\n";
    let done = Config::new(text).check(&[], &[]);
    assert_eq!((done.code, done.text()), (Some(1), ""));
    let form = "is no address: the port is missing; it may be HOST:PORT, [V6]:PORT, /path, unix:/path, @name, fd:N or fd:NAME";
    let want = [
        "1: text wants quotes: app = \"noapp:wsgi\"",
        "2: unknown key \"processes\": processes is uWSGI's, here: the key workers",
        "4: text wants quotes: http = [\"127.0.0.1:0\", '::1:0']",
        "5: unknown key \"max-bdy\"; did you mean \"max-body\"?",
        "6: access-log: yes: write true or false",
        &format!("7: scgi: 'x': \"x\" {form}"),
        &format!("7: scgi: 'y': \"y\" {form}"),
        "8: text wants quotes: head-timeout = \"1s\"",
        "9: unknown key \"tidegate\"; the keys stand at the top of the file, without [tidegate]",
    ];
    let told: Vec<&str> =
        done.err.lines().map(|line| line.strip_prefix("tidegate: t.toml:").unwrap()).collect();
    assert_eq!(told, want);
}

#[test]
fn keys_and_variables_of_other_servers_are_answered() {
    for (key, want) in [
        ("module", "module is uWSGI's, here: the key app, as module:callable"),
        ("harakiri", "harakiri is uWSGI's, here: the key timeout"),
        (
            "socket",
            "socket is uWSGI's, here: the key uwsgi, or --http, --fastcgi, --scgi by what is spoken there",
        ),
        ("chmod-socket", "chmod-socket is uWSGI's, here: the key socket-mode, as 660"),
        ("static-map", "static-map is uWSGI's, here: the key static, as /static=/srv/app/static"),
        ("worker_class", "worker-class is gunicorn's, not here: "),
        ("certfile", "certfile is gunicorn's, nginx does it: ssl_certificate, "),
        ("master", "master is uWSGI's, not needed: "),
    ] {
        let done = Config::new(format!("{key} = '1'")).check(&["hello"], &[]);
        let want = format!("tidegate: t.toml:1: unknown key \"{key}\": {want}");
        assert!(done.code == Some(1) && done.err.starts_with(&want), "{want:?}: {}", done.err);
    }
    let variables = [
        ("TIDEGATE_PROCESSES", "4"),
        ("UWSGI_HARAKIRI", "30"),
        ("GRANIAN_WORKERS", "2"),
        ("GUNICORN_CMD_ARGS", "-w 4"),
        // Nobody's.
        ("UWSGI_COLOUR", "red"),
        ("GRANIAN_PORT", ""),
    ];
    let done = Config::new("").check(&["hello"], &variables);
    let want = "\
tidegate: the environment's GRANIAN_WORKERS is another server's, and is ignored: here: TIDEGATE_WORKERS
tidegate: the environment's GUNICORN_CMD_ARGS is gunicorn's, and is ignored: options are TIDEGATE_* here
tidegate: the environment's TIDEGATE_PROCESSES is no setting, and is ignored: processes is uWSGI's, here: TIDEGATE_WORKERS
tidegate: the environment's UWSGI_HARAKIRI is another server's, and is ignored: harakiri is uWSGI's, here: TIDEGATE_TIMEOUT
";
    assert_eq!((done.code, done.err.as_str()), (Some(0), want));
}

#[test]
fn another_servers_configuration_is_recognised() {
    let form = "here it is TOML, a key a line and text in quotes, as app = \"mysite.wsgi\"";
    let uwsgi = format!("t.toml:2: this is uWSGI's configuration; {form}");
    let python = |line| format!("t.toml:{line}: this is Python, as gunicorn's configuration; {form}");
    for (text, want) in [
        (
            "# mine\n[uwsgi]\nmodule = x:app\n; a comment = 1\nthreads = 2\n-p = 4\nunheard = 1\n",
            vec![
                uwsgi.clone(),
                "t.toml:3: module: here: the key app, as module:callable".to_owned(),
                "t.toml:5: threads: here: the key threads".to_owned(),
                "t.toml:6: -p: here: the key workers".to_owned(),
                "t.toml:7: unheard: no key of ours".to_owned(),
            ],
        ),
        ("\nuwsgi:\n  processes: 4\n", vec![uwsgi.clone()]),
        ("\n<uwsgi>\n<processes>4</processes></uwsgi>", vec![uwsgi]),
        (
            "bind = '0.0.0.0:80'\nimport os\nmax_requests = 9\ndef post_fork(server, worker):\n    x = 1\n",
            vec![
                python(2),
                "t.toml:1: bind: here: the key http, as 127.0.0.1:8000 or a socket's path".to_owned(),
                "t.toml:3: max_requests: here: the key max-requests".to_owned(),
            ],
        ),
        ("from x import y", vec![python(1)]),
        ("def when_ready(server):\n    pass", vec![python(1)]),
    ] {
        let done = Config::new(text).check(&["hello"], &[]);
        let told: Vec<&str> = done.err.lines().map(|line| line.strip_prefix("tidegate: ").unwrap()).collect();
        assert_eq!((done.code, told), (Some(1), want.iter().map(String::as_str).collect()), "{text:?}");
    }
    // A file's name says it too.
    let config = Config::new("");
    fs::write(config.folder.path().join("gunicorn.conf.py"), "workers = 4").unwrap();
    let mut command = tidegate(["check", "hello", "--config", "gunicorn.conf.py"]);
    command.current_dir(&config.folder);
    let done = end(command, b"");
    assert!(done.err.starts_with("tidegate: gunicorn.conf.py:1: this is Python, "), "{}", done.err);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for (text, line) in [
        (&b"grace = 1\nmax-body\n"[..], 2),
        (b"grace =", 1),
        (b"\n\ngrace = 1s", 3),
        (b"http = [\n'a',\n", 2),
        (b"app = \"\"\"\nnever\nclosed", 3),
        (b"a = 1\n# \xff", 2),
        (b"a\0 = 1", 1),
    ] {
        let done = Config::new(text).check(&["hello"], &[]);
        assert_eq!(done.code, Some(1));
        let line = format!("tidegate: t.toml:{line}: ");
        assert!(done.err.starts_with(&line) && done.err.lines().count() == 1, "{line:?}: {}", done.err);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    for (path, want) in [
        ("missing.toml", "cannot read the configuration file missing.toml: No such file or directory"),
        ("/", "cannot read the configuration file /: Is a directory"),
        ("/dev/zero", "cannot read the configuration file /dev/zero: it has more than 1048576 bytes"),
    ] {
        let done = end(tidegate(["serve", "hello", "--config", path]), b"");
        assert_eq!(done.code, Some(1));
        assert!(done.err.starts_with(&format!("tidegate: {want}")), "{}", done.err);
    }
}

#[test]
fn a_wrong_variable_is_named() {
    for (name, value, want) in [
        ("TIDEGATE_MAX_BODY", "1x", "\"1x\": write a number of bytes, as 4096, 64k, 10m or 1g"),
        ("TIDEGATE_ACCESS_LOG", "ja", "\"ja\": write true or false"),
        ("TIDEGATE_VERBOSE", "very", "\"very\": write a number from 0 to 255"),
        ("TIDEGATE_ENV", "A=1,", "\"\": write KEY=VALUE"),
    ] {
        let done = Config::new("").check(&["hello"], &[(name, value)]);
        assert_eq!((done.code, done.err), (Some(1), format!("tidegate: {name}: {want}\n")));
    }
}

#[test]
fn a_variable_that_is_no_setting_is_told_of_and_ignored() {
    let variables = [
        ("TIDEGATE_MAX_BDY", "1"),
        ("TIDEGATE_VERSION", "1.2"),
        // What Kubernetes sets for a service called tidegate.
        ("TIDEGATE_SERVICE_HOST", "10.0.0.1"),
        ("TIDEGATE_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("TIDEGATE_PORT", "tcp://10.0.0.1:8080"),
    ];
    let done = Config::new("").check(&["hello"], &variables);
    assert_eq!(done.code, Some(0));
    let want = "\
tidegate: the environment's TIDEGATE_MAX_BDY is no setting, and is ignored; did you mean TIDEGATE_MAX_BODY?
tidegate: the environment's TIDEGATE_VERSION is no setting, and is ignored\n";
    assert_eq!(done.err, want);
}

#[test]
fn what_excludes_an_option_goes_before_it_too() {
    let config = Config::new("verbose = 2");
    let done = config.check(&["hello", "-q"], &[]);
    assert_eq!(settings(&done), ["app hello command line", "quiet 1 command line"], "{}", done.err);
    let done = config.check(&["hello"], &[("TIDEGATE_QUIET", "1")]);
    assert_eq!(settings(&done), ["app hello command line", "quiet 1 TIDEGATE_QUIET"], "{}", done.err);
}

#[test]
fn wrong_arguments_are_still_wrong_and_help_is_given_without_a_file() {
    let config = Config::new("app = 'hello'");
    let done = config.check(&["--bogus"], &[]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("'--bogus'"), "{}", done.err);
    let done = end(tidegate(["serve", "--config", "missing.toml", "--help"]), b"");
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert!(done.text().contains("TIDEGATE_CONFIG") && done.text().contains("[APP]"), "{}", done.text());
}

#[test]
fn what_is_wrong_only_on_this_machine_is_told_with_its_place_too() {
    let config = Config::new("\nchdir = '/nowhere'");
    for command in ["check", "serve"] {
        let done = end(config.command(&[command, "hello"], &[]), b"");
        assert_eq!(done.code, Some(1));
        let want = "\
tidegate: --chdir /nowhere: No such file or directory (os error 2)
tidegate: given elsewhere than on the command line: chdir (t.toml:2)\n";
        assert_eq!(done.err, want);
    }
}

/// A line of a file that was written by nobody who knows what he does.
fn any_line() -> impl Strategy<Value = String> {
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/tidegate.toml")).unwrap();
    let known = example.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = "));
    let known: Vec<String> = known.map(|(name, _)| name.to_owned()).collect();
    assert!(known.len() > 20, "{known:?}");
    let odd = [
        "", " ", "\"\"", "max_body", "env.A", "env.A.B", "\"http\"", "http.x", "é", "[http]", "[[scgi]]", "=",
    ];
    let key = prop_oneof![3 => select(known), 1 => select(odd.map(str::to_owned).to_vec())];
    let value = select(vec![
        "1",
        "-1",
        "0",
        "0.5",
        "1e9",
        "0o660",
        "1_0",
        "inf",
        "true",
        "false",
        "''",
        "'hello'",
        "\"10m\"",
        "'660'",
        "'a=b'",
        "'127.0.0.1:0'",
        "[]",
        "['x=y', 1]",
        "['::1',]",
        "[",
        "]",
        "{}",
        "{ a = 1 }",
        "{ a.b = [1] }",
        "\"\\u0000\"",
        "\"\\x\"",
        "'''\n'''",
        "\"\"\"\n",
        "1979-05-27",
        "99999999999999999999",
        "",
        "# none",
    ]);
    let line = (key, value).prop_map(|(key, value)| format!("{key} = {value}"));
    prop_oneof![4 => line, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_file_either_works_or_is_refused_with_a_line(lines in prop::collection::vec(any_line(), 0..4)) {
        let text = lines.join("\n");
        let done = Config::new(&text).check(&["hello"], &[]);
        if done.code == Some(0) {
            prop_assert_eq!(done.err, "");
        } else {
            let told = done.err.lines().find_map(|line| line.split_once("t.toml:")?.1.split([':', ')']).next());
            let line = told.and_then(|line| line.trim().parse::<usize>().ok());
            let lines = 1 + text.matches('\n').count();
            prop_assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{text:?}: {}", done.err);
            prop_assert!(!done.err.contains("panic"), "{}", done.err);
        }
    }
}

#[test]
fn a_relative_path_means_what_it_means_on_the_command_line() {
    let config = Config::new("");
    let inner = config.folder.path().join("etc");
    fs::create_dir_all(inner.join("run")).unwrap();
    fs::write(inner.join("t.toml"), "uwsgi = ['unix:run/x.sock']\nchdir = 'etc'").unwrap();
    let mut command = tidegate(["serve", "hello", "--config", "etc/t.toml"]);
    command.current_dir(&config.folder);
    let server = Server::spawn(command);
    assert!(inner.join("run/x.sock").exists(), "{}", server.address);
    server.stop();
}
