//! The token that a daemon asks for: read, sent, and never shown.

use crate::{Error, Result};
use hyper::header::HeaderValue;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A longer text is no token, but some other file; bytes.
const LENGTH_MAX: u64 = 512;

/// As it stands in a request.
#[derive(Clone)]
pub(super) struct Token(HeaderValue);

impl Token {
    /// The token in a file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let cannot = |error: &dyn fmt::Display| {
            Error::usage(format!("cannot read the token's file {}: {error}", path.display()))
                .help("copy it from the daemon's machine: daemon.token in its data folder")
        };
        let mut text = String::new();
        let file = File::open(path).map_err(|error| cannot(&error))?;
        file.take(LENGTH_MAX + 1).read_to_string(&mut text).map_err(|error| cannot(&error))?;
        Self::of(&text).map_err(|_| cannot(&"what it holds is no token"))
    }

    /// A token by itself.
    pub(super) fn of(text: &str) -> Result<Self> {
        let text = text.trim();
        let fits = (1..=LENGTH_MAX as usize).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let header = HeaderValue::from_str(&format!("Bearer {text}")).ok().filter(|_| fits);
        let mut header = header.ok_or_else(|| Error::usage("what BLOCKADE_TOKEN holds is no token"))?;
        header.set_sensitive(true);
        Ok(Self(header))
    }

    /// What `Authorization` says.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_is_never_shown() {
        let token = Token::of(" abc-123\n").unwrap();
        assert_eq!(token.header(), "Bearer abc-123");
        assert!(!format!("{token:?} {:?}", token.header()).contains("abc"));
        for wrong in ["", "\n", "a b", "a\nb", "ä", &"x".repeat(600)] {
            let error = Token::of(wrong).unwrap_err().to_string();
            assert!(wrong.trim().is_empty() || !error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_none_is_refused_without_telling_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert_eq!(Token::read(&path).unwrap_err().kind.exit_code(), 2);
        std::fs::write(&path, "two words").unwrap();
        assert!(!Token::read(&path).unwrap_err().to_string().contains("two words"));
        std::fs::write(&path, "word\n").unwrap();
        assert_eq!(Token::read(&path).unwrap().header(), "Bearer word");
    }
}
