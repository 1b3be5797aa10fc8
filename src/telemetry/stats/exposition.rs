//! Prometheus's text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

/// A text that grows by families of samples, whose names all begin with the server's.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family: all its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP tidegate_{name} {help}\n# TYPE tidegate_{name} {kind}\n"));
    }

    /// A sample of the family, or, of a histogram, with a suffix to its name.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Into<f64>) {
        self.write(format_args!("tidegate_{name}"));
        for (at, (label, value)) in labels.iter().enumerate() {
            let opening = if at == 0 { '{' } else { ',' };
            self.write(format_args!("{opening}{label}=\"{}\"", escaped(value)));
        }
        let closing = if labels.is_empty() { "" } else { "}" };
        self.write(format_args!("{closing} {}\n", value.into()));
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn write(&mut self, what: std::fmt::Arguments<'_>) {
        self.0.write_fmt(what).expect("a String takes all that is written");
    }
}

/// A label's value, as the format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.sample("x", &[("a", "b\\c\"d\ne"), ("f", "g")], 1.5);
        assert_eq!(text.0, "tidegate_x{a=\"b\\\\c\\\"d\\ne\",f=\"g\"} 1.5\n");
    }
}
