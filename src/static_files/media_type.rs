//! What a file's name says of its content.

use std::path::Path;

/// Content-Type by the name's extension. Text is UTF-8, as all text of today: without a charset browsers guess.
pub(super) fn of(path: &Path) -> String {
    let media_type = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    match media_type {
        // RFC 9239 has one name for what has had several.
        "application/javascript" => "text/javascript; charset=utf-8".to_owned(),
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_types() {
        for (name, want) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.CSS", "text/css; charset=utf-8"),
            ("app.min.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("notes.txt", "text/plain; charset=utf-8"),
            ("data.json", "application/json"),
            ("logo.svg", "image/svg+xml"),
            ("logo.png", "image/png"),
            ("photo.webp", "image/webp"),
            ("photo.avif", "image/avif"),
            ("font.woff2", "font/woff2"),
            ("code.wasm", "application/wasm"),
            ("site.webmanifest", "application/manifest+json"),
            ("feed.xml", "text/xml; charset=utf-8"),
            ("paper.pdf", "application/pdf"),
            ("film.mp4", "video/mp4"),
            ("all.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            ("a.unknown", "application/octet-stream"),
            ("a.css/README", "application/octet-stream"),
        ] {
            assert_eq!(of(Path::new(name)), want, "{name}");
        }
    }
}
