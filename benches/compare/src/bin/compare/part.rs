//! What `--only` can name.

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first table's rows of small requests.
    Requests,
    /// Its row of idle connections.
    Idle,
    /// Its row of endless streams.
    Streams,
    /// Its rows of a large response.
    Large,
    /// The second table.
    Protocols,
    /// The third.
    Nginx,
    /// The fourth.
    Python,
}

const ALL: [(&str, Part); 7] = [
    ("requests", Part::Requests),
    ("idle", Part::Idle),
    ("streams", Part::Streams),
    ("large", Part::Large),
    ("protocols", Part::Protocols),
    ("nginx", Part::Nginx),
    ("python", Part::Python),
];

/// Those that are asked for.
#[derive(Debug)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    /// From names with commas between; no name means all parts.
    pub(crate) fn parse(names: &str) -> Result<Parts, String> {
        if names.is_empty() {
            return Ok(Parts(ALL.iter().map(|(_, part)| *part).collect()));
        }
        let find = |name| {
            let part = ALL.iter().find(|(other, _)| *other == name);
            part.map(|(_, part)| *part).ok_or_else(|| format!("--only {name}: no such part"))
        };
        names.split(',').map(find).collect::<Result<_, _>>().map(Parts)
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// Whether that table has a row at all.
    pub(crate) fn any_of_first_table(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Protocols | Part::Nginx | Part::Python))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_or_all() {
        let some = Parts::parse("idle,nginx").unwrap();
        assert!(some.has(Part::Idle) && some.has(Part::Nginx) && !some.has(Part::Protocols));
        assert!(some.any_of_first_table() && !Parts::parse("protocols,nginx").unwrap().any_of_first_table());
        assert!(ALL.iter().all(|(_, part)| Parts::parse("").unwrap().has(*part)));
        assert!(Parts::parse("idle,ajp").unwrap_err().contains("ajp"));
    }
}
