//! What comes after the demo: an application of the visitor's own, and nginx before it.

/// What the commands below are for, and the commands; tests run them.
pub(super) const OWN: [(&str, &str, &str); 2] = [
    ("Python", "In the folder of the clone; the first line takes a minute or two.", PYTHON),
    ("Rust", "In the folder of the clone, too: the program lies beside it.", RUST),
];

const PYTHON: &str = r#"python3 -m venv .venv && . .venv/bin/activate && pip install .
cat > app.py <<'END'
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello from Python\n"]
END
tidegate serve app --http 127.0.0.1:8081
"#;

const RUST: &str = r#"cargo new ../my-app && cd ../my-app && cargo add tidegate --path "$OLDPWD"
cat > src/main.rs <<'END'
use tidegate::{AppError, Body, Environ, Program, StartResponse};

fn application(environ: Environ, start_response: StartResponse) -> Result<Body, AppError> {
    start_response.start("200 OK", [("Content-Type", "text/plain")])?;
    Ok(Body::from(format!("You asked for {}\n", environ.path().escape_ascii())))
}

fn main() -> std::process::ExitCode {
    Program::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).run(|| Ok(application))
}
END
cargo run -- serve --http 127.0.0.1:8081
"#;

/// README's server for nginx, which tests run; the demo listens there, if no option says otherwise.
pub(super) const NGINX: &str = r"server {
    listen 8000;
    location / {
        include uwsgi_params;
        uwsgi_param HTTP_HOST $host:$server_port;
        uwsgi_pass 127.0.0.1:3031;
    }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readme_says_too_is_what_it_says() {
        let readme = include_str!("../../../README.md");
        let (_, program) = RUST.split_once("<<'END'\n").expect("it writes a program");
        let (program, _) = program.split_once("END\n").expect("the program ends");
        for text in [NGINX, program] {
            assert!(!text.is_empty() && readme.contains(text), "README.md has no\n{text}");
        }
    }
}
