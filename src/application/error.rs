//! An application's failure.

use std::fmt;

/// An application's failure: what the log shows. Any error becomes one by `?`.
pub struct AppError {
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl AppError {
    /// A failure that is told in words.
    pub fn new(message: impl Into<String>) -> Self {
        AppError { cause: message.into().into() }
    }
}

// AppError is no std Error itself: only so can any Error become one without a conflict of implementations.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for AppError {
    fn from(error: E) -> Self {
        AppError { cause: Box::new(error) }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        let mut source = self.cause.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AppError({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_shows_its_causes() {
        let error = AppError::from(io::Error::other("disk"));
        assert_eq!(error.to_string(), "disk");
        assert_eq!(AppError::new("words").to_string(), "words");
    }
}
