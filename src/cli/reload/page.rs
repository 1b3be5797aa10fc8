//! The page that shows a failure: to a browser as HTML, to others as text.

use std::fmt::Write as _;

use super::traceback::{Frame, Part, headline, parts};
use crate::cli::html::{Escaped, page};

/// What there is to show.
pub(super) struct Page {
    /// What has failed, in a few words.
    title: String,
    text: String,
    /// Which load of the code has failed.
    load: String,
    /// What is to be done.
    cure: &'static str,
}

/// The field of a response that says which load of the code serves, and of the question for it.
pub(super) const LOAD_FIELD: &str = "X-Tidegate-Load";

/// What a page may do: it runs page.js, named by the hash of what stands between its tags, which asks this server; and nothing
/// that finds its way into a page.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'sha256-YMS91GODuG/C2GcEFbszExhRd9dbz8eG8K9nQVq3wT4='; connect-src 'self'; \
                                 style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'";

impl Page {
    /// Of an application that cannot be served.
    pub(super) fn of_load(failure: &str, load: &str) -> Self {
        Page {
            title: "The application cannot be loaded".to_owned(),
            text: failure.to_owned(),
            load: load.to_owned(),
            cure: "Mend it and save",
        }
    }

    /// Of a request that has failed.
    pub(super) fn of_request(line: &str, failure: &str, load: &str) -> Self {
        Page {
            title: format!("{line} has failed"),
            text: failure.to_owned(),
            load: load.to_owned(),
            cure: "Mend it and save",
        }
    }

    /// For a terminal.
    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}\n\n{}, and ask again.\n", self.title, self.text, self.cure)
    }

    /// For a browser, which asks by itself whether there is new code, if it `may_ask_again` for the page.
    pub(super) fn html(&self, may_ask_again: bool) -> String {
        let parts = parts(&self.text);
        let headline = headline(&parts);
        let mut content = format!("<style>\n{STYLE}</style>\n<p>{}</p>\n", Escaped(&self.title));
        let mut add = |html: std::fmt::Arguments<'_>| content.write_fmt(html).expect("a String takes all");
        add(format_args!("<h1 class=\"what\">{}</h1>\n", Escaped(headline)));
        let frames = || {
            parts.iter().filter_map(|part| match part {
                Part::Frame(frame) => Some(frame),
                Part::Words(_) => None,
            })
        };
        // The last that is the developer's own.
        if let Some(frame) = frames().rfind(|frame| !frame.is_library()).or_else(|| frames().next_back()) {
            add(format_args!("<p><code class=\"where\">{}:{}</code></p>\n", Escaped(frame.file), frame.line));
        }
        let then = if may_ask_again { "this page reloads by itself" } else { "send it again" };
        add(format_args!("<p class=\"cure\" role=\"status\">{}, and {then}.</p>\n", self.cure));
        for part in &parts {
            match part {
                Part::Frame(frame) => add(format_args!("{}", html_of(frame))),
                Part::Words(words) if words.trim().is_empty() || words == &headline => {}
                Part::Words(words) => add(format_args!("<pre class=\"words\">{}</pre>\n", Escaped(words))),
            }
        }
        if may_ask_again {
            add(format_args!(
                "<noscript><p>Without scripts, reload it by hand.</p></noscript>\n<script data-load=\"{}\">\n{SCRIPT}</script>\n",
                Escaped(&self.load)
            ));
        }
        page(&self.title, &content)
    }
}

fn html_of(frame: &Frame<'_>) -> String {
    let mut html = String::new();
    let mut add = |piece: std::fmt::Arguments<'_>| html.write_fmt(piece).expect("a String takes all");
    let class = if frame.is_library() { "frame library" } else { "frame" };
    let function = match frame.function {
        "" => String::new(),
        function => format!(" in <b>{}</b>", Escaped(function)),
    };
    add(format_args!(
        "<section class=\"{class}\"><h2>{}:{}{function}</h2>\n<pre>",
        Escaped(frame.file),
        frame.line
    ));
    let source = if frame.is_library() { Vec::new() } else { frame.source() };
    for line in &source {
        let here = line.number == frame.line;
        let (open, close) = if here { ("<mark>", "</mark>") } else { ("", "") };
        add(format_args!("<i>{:>5}</i>  {open}{}{close}\n", line.number, Escaped(&line.text)));
        if let Some(marks) = &line.marks {
            add(format_args!("<i>     </i>  <em>{}</em>\n", Escaped(marks)));
        }
    }
    if source.is_empty() {
        for line in &frame.printed {
            add(format_args!("{}\n", Escaped(line)));
        }
    }
    add(format_args!("</pre></section>\n"));
    html
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_escaped() {
        let bad = "</script><script>alert(1)</script>";
        let text = format!("  File \"/srv/{bad}.py\", line 1, in {bad}\n    {bad}\nValueError: {bad}\n{bad}");
        for page in [Page::of_load(&text, "1-1"), Page::of_request(&format!("GET /{bad}"), &text, "1-1")] {
            let html = page.html(true);
            assert_eq!(
                (html.matches("<script data-load=\"1-1\">").count(), html.matches("<script").count()),
                (1, 1),
                "{html}"
            );
            assert!(!html.contains("alert(1)</script>"), "{html}");
            assert!(html.contains("<h1 class=\"what\">ValueError: &lt;/script&gt;"), "{html}");
            assert!(page.text().contains(bad));
        }
        assert!(!Page::of_load(&text, "1-1").html(false).contains("<script"));
    }
}
