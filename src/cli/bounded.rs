//! Reading what a person has named, up to a bound: a device or a pipe that was named by mistake may have no end.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// All of a file.
pub(super) fn read_file(path: impl AsRef<Path>, bytes_max: u64) -> io::Result<Vec<u8>> {
    read_all(File::open(path)?, bytes_max)
}

/// All that comes of a file that is open, or of stdin.
pub(super) fn read_all(from: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let why = format!("it has more than {bytes_max} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// Of a file with settings.
pub(super) const SETTINGS_BYTES_MAX: u64 = 1 << 20;
/// Of a request's body: twice what `serve` takes by default.
pub(super) const BODY_BYTES_MAX: u64 = 2 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_read_up_to_the_bound() {
        assert_eq!(read_all(&b"abc"[..], 3).unwrap(), b"abc");
        let error = read_all(&b"abcd"[..], 3).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 3 bytes");
        assert!(read_file("/dev/zero", 4096).is_err());
        assert_eq!(read_file("/nope", 1).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
