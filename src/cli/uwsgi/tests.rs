//! Whole configurations: what their lines come to, and what is said of them.

use std::path::Path;

use super::evaluation::{Evaluation, Verdict};
use super::language;
use super::serving;
use crate::cli::config;
use crate::cli::{Command, Program, definition, parse};

/// The configuration, judged as if the server were started in /here.
fn judged(text: &str, ignored: &[&str]) -> Evaluation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.ini");
    std::fs::write(&path, format!("[uwsgi]\n{text}")).unwrap();
    let words = vec![path.to_str().unwrap().to_owned()];
    let directives = language::read(words, Vec::new()).unwrap();
    let directives = directives.into_iter().filter(|one| one.name != "ini").collect();
    let ignored: Vec<String> = ignored.iter().map(ToString::to_string).collect();
    Evaluation::new(directives, &ignored, Path::new("/here"))
}

/// What it comes to, as it would be typed.
fn typed(text: &str) -> String {
    let evaluation = judged(text, &[]);
    assert_eq!(serving::faults(&evaluation), [""; 0], "{text}");
    let entries = serving::entries(&definition(&Program::TIDEGATE), &evaluation).unwrap();
    let words = serving::arguments(&entries).into_iter().skip(2).map(|word| word.into_string().unwrap());
    words.collect::<Vec<_>>().join(" ")
}

/// What stops it.
fn faults(text: &str) -> String {
    let faults = serving::faults(&judged(text, &[]));
    let faults =
        faults.iter().map(|fault| fault.rsplit_once("app.ini:").map_or(&fault[..], |(_, rest)| rest));
    faults.collect::<Vec<_>>().join("\n")
}

#[test]
fn options_mean_what_they_mean_to_uwsgi() {
    for (text, want) in [
        ("module=a.b", "--preload a.b --need-app=false"),
        ("module=a.b\ncallable=c\nneed-app=true", "--need-app=true --preload a.b:c"),
        ("module=a:b\ncallable=c\nlazy-apps", "a:b --need-app=false"),
        ("wsgi-file=x.py\ncallable=c", "--preload ./x.py:c --pythonpath=. --need-app=false"),
        ("wsgi-file=x.py\nmodule=m", "--preload m --need-app=false"),
        ("mount=/=a:b", "--preload a:b --need-app=false"),
        (
            "mount=/p=a:b\nmount=/q=/x/c.py",
            "--preload --mount=/p=a:b --mount=/q=/x/c.py a:b --pythonpath=. --need-app=false",
        ),
        ("mount=/p=a:b\nno-default-app", "--preload --mount=/p=a:b --need-app=false"),
        ("module=m\npy-autoreload=1", "--reload m --need-app=false"),
        ("paste=config:/x.ini", "--preload paste.deploy:loadapp('config:/x.ini') --need-app=false"),
        ("module=m\nprocesses = 8\nworkers=2  ; two", "--workers=2 --preload m --need-app=false"),
        ("module=m\nthreads=true\nharakiri=0", "--threads=1 --preload m --need-app=false"),
        ("module=m\nchdir=/c\npidfile=p\npidfile2=q", "--chdir=/c --pidfile=q --preload m --need-app=false"),
        ("module=m\nchdir=/c\npidfile=p", "--chdir=/c --pidfile=/here/p --preload m --need-app=false"),
        (
            "module=m\nstatic-map=/s=d\ncheck-static=e",
            "--static=/s=d --static=/=e --preload m --need-app=false --static-index=-",
        ),
        (
            "module=m\nstatic-map==/d\nstatic-map2==/e/\nstatic-map=/s =/f\nstatic-map=/s = /d\nstatic-map2=/s=\nstatic-map2=s=/d",
            "--static=/=/d --static=/=/e/ --static=/s =/f --preload m --need-app=false --static-index=-",
        ),
        ("module=m\nworker-reload-mercy=5\nreload-mercy=3", "--grace=5 --preload m --need-app=false"),
        (
            "module=m\nprocesses=8\ncheaper=2\ncheaper-initial=1\ncheaper-step=3\ncheaper-overload=5",
            "--workers=8 --preload --min-workers=2 --workers-initial=2 --workers-step=3 --workers-idle=5 m --need-app=false",
        ),
        ("module=m\ncheaper-initial=3\ncheaper=true", "--preload m --need-app=false"),
        (
            "module=m\nattach-daemon=a -b\nsmart-attach-daemon=/p,5 c d\nsmart-attach-daemon2=/q e",
            "--attach=a -b --attach=[pidfile=/p] c d --attach=[pidfile=/q,background] e --preload m --need-app=false",
        ),
        (
            "module=m\nattach-daemon2=cmd=a b,pidfile=/p,daemonize=1,touch=/x;/y,stopsignal=2",
            "--attach=[pidfile=/p,background,touch=/x,touch=/y,stop-signal=2] a b --preload m --need-app=false",
        ),
        (
            "module=m\nlogger=file:/l\nlog-maxsize=9\nlog-backupname=/l.old",
            "--log-file=/l --log-max-size=9 --preload m --need-app=false --log-backup=.old",
        ),
        (
            "module=m\nlogger=rsyslog:h:5,me\nreq-logger=socket:/s",
            "--log-file=syslog://h:5/me --access-log-file=unix:/s --preload m --need-app=false",
        ),
        (
            "module=m\nadd-header=X-A: b\nadd-header=Connection: close",
            "--header=X-A: b --preload m --need-app=false",
        ),
        (
            "module=m\nhook-pre-app=exec:a b\nexec-asap=c",
            "--hook=pre-app=exec:a b --hook=asap=exec:c --preload m --need-app=false",
        ),
        (
            "module=m\nmaster-fifo=/f\ndaemonize=/l\ndie-on-term=false",
            "--control=/f --daemonize --log-file=/l --term-reloads --preload m --need-app=false",
        ),
        (
            "module=m\nstatic-map2=/s=/d\nstatic-expires=/* 60\nstatic-index=i.htm\nstatic-skip-ext=.py",
            "--static=/s=/d/s --static-expires=file:/*=60 --static-index=i.htm --static-skip-ext=.py --preload m --need-app=false",
        ),
    ] {
        let want = format!("{want} --uwsgi=127.0.0.1:1");
        assert_eq!(typed(&format!("{text}\ndisable-logging=1\nsocket=127.0.0.1:1")), want, "{text}");
    }
}

#[test]
fn sockets_speak_what_uwsgi_has_them_speak() {
    let open = "--allow-from=0.0.0.0/0,::/0";
    for (text, want) in [
        ("socket=127.0.0.1:1", "--uwsgi=127.0.0.1:1"),
        ("socket=127.0.0.1:1\nprotocol=http", "--http=127.0.0.1:1"),
        ("socket=:80", &format!("{open} --uwsgi=0.0.0.0:80")),
        (
            "http=localhost:80\nsocket=/s\numask=077",
            "--umask=077 --http=localhost:80 --uwsgi=/s --socket-mode=700",
        ),
        ("socket=s.sock\nchmod-socket", "--socket-mode=666 --uwsgi=unix:s.sock"),
        ("socket=s.sock\nchmod-socket=660 # six", "--socket-mode=660 --uwsgi=unix:s.sock"),
        ("socket=@name", "--uwsgi=@name"),
        ("socket=name\nabstract-socket=true", "--uwsgi=@name"),
        ("fastcgi-socket=[::1]:9\nscgi-socket=127.0.0.1:10", "--fastcgi=[::1]:9 --scgi=127.0.0.1:10"),
        ("shared-socket=127.0.0.1:1\nhttp==0", "--http=127.0.0.1:1"),
        ("socket=fd://3", "--uwsgi=fd:3"),
        (
            "http=127.0.0.1:1\nhttp-socket=127.0.0.1:2\nhttp-enable-proxy-protocol",
            "--http-proxy-protocol=127.0.0.1:1 --http=127.0.0.1:2",
        ),
        (
            "socket=127.0.0.1:1\nsocket-timeout=5\nhttp-timeout=3",
            "--write-timeout=5 --body-timeout=5 --uwsgi=127.0.0.1:1",
        ),
    ] {
        let typed = typed(&format!("{text}\nmodule=m\nlazy-apps\nneed-app\ndisable-logging"));
        assert_eq!(typed.replace("--need-app=true ", "").replace("m ", ""), want, "{text}");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_line_and_its_cure() {
    for (text, want) in [
        ("module=m\nprocesses=four", "3: processes = four: it is no number: write digits alone"),
        ("module=m\nprocesses=0", "3: processes = 0: with no worker nothing is served: write 1 or more"),
        ("module=m\nchmod-socket=99", "3: chmod-socket = 99: write three octal digits, as 660"),
        ("module=m\nenv=X", "3: env = X: write NAME=VALUE"),
        ("module=", "2: module: its value is missing"),
        ("module=m\nmule=x.py", "3: mule = x.py: not here: it runs a program beside the workers"),
        ("module=m\nhttps=:443,a,b", "3: https = :443,a,b: not here: nginx does that: it speaks TLS"),
        ("module=m\nhttp==3", "3: http = =3: there is no such shared-socket"),
        ("module=m\nhttp==x", "3: http = =x: there is no such shared-socket"),
        (
            "module=m\ncheaper=4\nprocesses=2",
            "3: cheaper = 4: the least number of workers is below processes",
        ),
        ("module=m\nstatic-map2=/s", "3: static-map2 = /s: write /PREFIX=FOLDER"),
        ("module=m\nplugins=python3,psgi", "3: plugins = python3,psgi: not here: it loads the plugin psgi"),
        ("module=m\nroute=^/x http:1.2.3.4", "3: route = ^/x http:1.2.3.4: not here: it routes requests"),
        (
            "module=m\nstrict=true\nvaccum=true",
            "4: vaccum = true: uWSGI has no such option; did you mean vacuum?",
        ),
        ("master=true", "no application is named: module = MODULE:CALLABLE"),
    ] {
        let faults = faults(&format!("{text}\nsocket=127.0.0.1:1"));
        assert!(faults.starts_with(want), "{text}: {faults}");
    }
    assert!(faults("module=m").starts_with("no socket is named: socket = ADDRESS"));
    let faulty = faults("module=m\nsocket=127.0.0.1:http\nshared-socket=*.*:1");
    assert!(faulty.contains("3: socket = 127.0.0.1:http: \"http\" is no port"), "{faulty}");
    assert!(faulty.contains("4: shared-socket = *.*:1: write the address without *"), "{faulty}");
    let evaluation = judged("module=m\nsocket=127.0.0.1:1\nprocesses=999999999", &[]);
    let error = serving::entries(&definition(&Program::TIDEGATE), &evaluation).unwrap_err().to_string();
    assert!(error.contains("app.ini:4: processes = 999999999: write a number up to"), "{error}");
}

#[test]
fn what_is_left_out_is_told() {
    let text = "module=m\nsocket=127.0.0.1:1\nmule=x\nalarm=a b\nvaccum=1\nroute=^/x donotlog:\nhttp-auto-gzip=false\nbase=/b\nchdir=%(base)";
    let evaluation = judged(text, &["mule"]);
    let verdict = |name: &str| {
        let line = evaluation.lines.iter().find(|line| line.directive.name == name).unwrap();
        line.verdict.clone()
    };
    assert!(evaluation.is_served());
    assert!(matches!(verdict("mule"), Verdict::Ignored(_)));
    assert!(matches!(verdict("alarm"), Verdict::Lost(_)));
    assert_eq!(verdict("route"), Verdict::Same("--access-log-except PATH_INFO=^/x".to_owned()));
    assert_eq!(verdict("vaccum"), Verdict::Unknown(Some("vacuum")));
    assert_eq!(verdict("http-auto-gzip"), Verdict::Needless("it is off".to_owned()));
    assert!(matches!(verdict("base"), Verdict::Read(_)));
    assert!(!judged(text, &["cron"]).is_served());
    let report = super::check::report(&evaluation);
    for line in text.lines() {
        assert!(report.contains(line.split('=').next().unwrap()), "{report}");
    }
}

#[test]
fn encoders_are_of_the_lines_that_uwsgi_gives_them() {
    let said = |text: &str| {
        let evaluation = judged(&format!("module=m\nsocket=127.0.0.1:1\nlog-format=%(uri)\n{text}"), &[]);
        let format =
            evaluation.settings.iter().find(|setting| setting.option == "access-log-format").unwrap();
        let words = evaluation.lines.iter().map(|line| line.verdict.words());
        (format.value.clone(), words.skip(3).collect::<Vec<_>>().join("|"))
    };
    for (text, format, want) in [
        ("logdate=true", "{uri}", "the same: --log-format: each line has its time"),
        ("logdate=%%Y\nlogdate=yes\nlogformat-strftime\nlog-format=%(ftime)", "{start:%Y}", "the same"),
        ("log-encoder=prefix a\nlog-encoder=nl", "a{uri}", "--log-format json has JSON for them"),
        ("log-req-encoder=prefix a", "{uri}", "the same: --access-log-format: format, json"),
        ("log-encoder=gzip", "{uri}", "lost, and nothing breaks: a line is text"),
        (
            "log-encoder=prefix a\nlog-req-encoder=json {\"a\":\"${msg}\"}\nreq-logger=file:/r",
            "escape=json {{\"a\":\"{uri}\"}}",
            "lost, and nothing breaks: it is for the log's other lines",
        ),
        ("req-logger=stdio\nlog-req-encoder=suffix b", "{uri}b", "not needed: that is where it goes"),
        ("log-encoder=json ${msg}\nlog-encoder=json ${msg}", "{uri}", "lost, and nothing breaks: an object"),
    ] {
        let (told, words) = said(text);
        assert!(told == format && words.contains(want), "{text}: {told} {words}");
    }
}

#[test]
fn a_converted_configuration_serves_the_same() {
    let text = "module = a:b\nsocket = /s\nhttp = :80\nprocesses = 4\nenv = A=\"x\\y\nenv = B=2\nuid = root\n\
                static-map = /s=/t\nchmod-socket = 600\nlogto = /l\nharakiri = 20\nmule = x\nalarm = y\nlimit-post = 5000";
    let evaluation = judged(text, &["mule"]);
    let definition = definition(&Program::TIDEGATE);
    let toml = serving::converted(&definition, &evaluation, "app.ini").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.toml");
    std::fs::write(&path, &toml).unwrap();
    let words = ["tidegate", "serve", "--config", path.to_str().unwrap()].map(Into::into).to_vec();
    let from_file = config::gather(&definition, words).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let entries = serving::entries(&definition, &evaluation).unwrap();
    let options = |arguments| match parse(definition.clone(), arguments).unwrap() {
        Command::Serve(configured) => format!("{:?}", configured.options),
        other => panic!("{other:?}"),
    };
    assert_eq!(options(from_file.arguments), options(serving::arguments(&entries)), "{toml}");
    for left_out in ["# Left out:", ": mule = x: left out by --ignore", ": alarm = y: lost"] {
        assert!(toml.contains(left_out), "{toml}");
    }
}
