//! Figures as people read them.

/// Nanoseconds, with three digits that count.
pub(super) fn time(nanoseconds: u64) -> String {
    let (unit, name) = match nanoseconds {
        0..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (1e3, "µs"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{} {name}", digits(nanoseconds as f64 / unit))
}

/// A figure with three digits that count, as `1.23`, `12.3` or `1,234`.
pub(super) fn digits(figure: f64) -> String {
    match figure {
        ..9.995 => format!("{figure:.2}"),
        ..99.95 => format!("{figure:.1}"),
        _ => count(figure.round() as u64),
    }
}

/// A number with commas between its thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the largest unit that leaves a whole one.
pub(super) fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, name)) => format!("{} {name}", digits(bytes as f64 / f64::from(1 << shift))),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_unit() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (83_840, "83.8 µs"),
            (5_804_000, "5.80 ms"),
            (999_960_000, "1,000 ms"),
            (12_340_000_000, "12.3 s"),
        ] {
            assert_eq!(time(nanoseconds), text);
        }
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([9.994, 9.996, 99.96, 12_345.6].map(digits), ["9.99", "10.0", "100", "12,346"]);
        assert_eq!([12, 4_096, 3 << 30].map(size), ["12 bytes", "4.00 KiB", "3.00 GiB"]);
    }
}
