//! Whatever bytes a uwsgi.ini has, it is read or refused in a line that names it; and what was read is read again from a file
//! that says just that.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::cli::read_uwsgi_ini;

fuzz_target!(|bytes: &[u8]| {
    let pairs = match read_uwsgi_ini(bytes) {
        Ok(pairs) => pairs,
        Err(told) => {
            assert!(
                told.starts_with("fuzz.ini:") || told.contains("bytes") || told.contains("names itself"),
                "{told}"
            );
            return;
        }
    };
    let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    let mut again = String::from("[uwsgi]\n");
    for (line, name, value) in &pairs {
        assert!((1..=lines).contains(line), "{line} of {lines}");
        assert!(!name.contains(['=', '\n']) && !value.contains('\n'), "{name:?} {value:?}");
        again.push_str(&format!("{name} = {}\n", value.replace('%', "%%")));
    }
    // A name may have what a line cannot begin with, or a variable; a value, what is resolved once more, and blanks around it that
    // stood in parentheses.
    let is_plain = |name: &str| !name.contains(['%', '$']) && !name.starts_with([';', '#', '[']);
    let is_whole = |value: &str| !value.contains('$') && value.trim_matches([' ', '\t', '\r']) == value;
    if pairs.iter().all(|(_, name, value)| is_plain(name) && is_whole(value)) {
        let read = read_uwsgi_ini(again.as_bytes()).expect("it is written plainly");
        let without_lines = |pairs: &[(usize, String, String)]| -> Vec<(String, String)> {
            pairs.iter().map(|(_, name, value)| (name.clone(), value.clone())).collect()
        };
        assert_eq!(without_lines(&read), without_lines(&pairs));
    }
});
