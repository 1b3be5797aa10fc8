//! Content-Length (RFC 9110 section 8.6), read in one place: where two parsers differ, requests are smuggled.

/// What can be wrong with a Content-Length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentLengthError {
    /// Something but ASCII digits stands in it, or nothing at all.
    NotDigits,
    /// It is more than 64 bits hold.
    TooLarge,
    /// It was sent twice, with two values.
    Twice,
}

/// The length that `value` says, bytes.
pub(crate) fn parse(value: &[u8]) -> Result<u64, ContentLengthError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(ContentLengthError::NotDigits);
    }
    let digits = value.iter().map(|byte| u64::from(byte - b'0'));
    let mut sum = 0u64;
    for digit in digits {
        sum =
            sum.checked_mul(10).and_then(|sum| sum.checked_add(digit)).ok_or(ContentLengthError::TooLarge)?;
    }
    Ok(sum)
}

/// Whether a Content-Length is the list that two of them are joined to: `5, 5`.
pub(crate) fn is_given_twice(value: &[u8]) -> bool {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    value.contains(&b',') && value.split(|byte| *byte == b',').all(|part| is_number(part.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_length_is_digits_alone() {
        for (text, want) in [
            ("0", Ok(0)),
            ("007", Ok(7)),
            ("18446744073709551615", Ok(u64::MAX)),
            ("18446744073709551616", Err(ContentLengthError::TooLarge)),
            ("+5", Err(ContentLengthError::NotDigits)),
            ("-5", Err(ContentLengthError::NotDigits)),
            ("5 ", Err(ContentLengthError::NotDigits)),
            ("0x10", Err(ContentLengthError::NotDigits)),
            ("5, 5", Err(ContentLengthError::NotDigits)),
            ("", Err(ContentLengthError::NotDigits)),
        ] {
            assert_eq!(parse(text.as_bytes()), want, "{text:?}");
        }
    }
}
