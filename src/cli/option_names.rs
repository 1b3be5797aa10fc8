//! The library names a bound as a program sets it, by its field; an operator sets an option, and is told of that.

/// The same words with options in place of fields.
pub(super) fn in_options(words: &str) -> String {
    OPTIONS.iter().fold(words.to_owned(), |words, (field, option)| words.replace(field, option))
}

/// The fields that messages name, and what sets them here.
const OPTIONS: [(&str, &str); 7] = [
    ("Limits::ahead_bytes_max", "--max-ahead"),
    ("Limits::body_bytes_max", "--max-body"),
    ("Limits::call_time_max", "--timeout"),
    ("Limits::empty_chunks_time_max", "--timeout"),
    ("Limits::grace_time_max", "--grace"),
    ("Limits::waiting_time_max", "--queue-timeout"),
    ("ListenOptions::allow_from", "--allow-from"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::net::listener::ListenOptions;

    #[test]
    fn a_message_of_the_library_names_the_option() {
        assert_eq!(in_options("over (Limits::grace_time_max sets it)"), "over (--grace sets it)");
        assert_eq!(in_options("nothing of ours"), "nothing of ours");
    }

    #[test]
    fn the_fields_are_there() {
        let Limits { ahead_bytes_max: _, body_bytes_max: _, call_time_max: _, .. } = Limits::default();
        let Limits { empty_chunks_time_max: _, grace_time_max: _, waiting_time_max: _, .. } =
            Limits::default();
        let ListenOptions { allow_from: _, .. } = ListenOptions::default();
    }
}
