//! The token without which nobody on the network is heard: where it comes from, and whether a given one is it.
//!
//! Only its digest is kept, so that it can stand in no log and no error, and a comparison tells nothing about it.

use super::private;
use crate::{Error, Result, entropy};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use subtle::ConstantTimeEq;

/// Shorter ones can be guessed.
const LENGTH_MIN: usize = 16;
/// Longer ones are no token, but some other file.
const LENGTH_MAX: usize = 512;

/// What errors call its file.
const FILE: &str = "the token's file";

/// Who knows it is let in.
pub(super) struct Token([u8; 32]);

impl Token {
    /// The token in this file, which is made with a fresh one where there is none.
    pub(super) fn kept_in(path: &Path) -> Result<Self> {
        private::keep(FILE, path, 0o600, &format!("{}\n", entropy::secret()?))?;
        Self::read(path)
    }

    /// The token in a file that somebody else has written, and that nobody but its owner may read.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = private::read(FILE, path, LENGTH_MAX + 1)?;
        let secret = text.trim_end();
        let is_long = (LENGTH_MIN..=LENGTH_MAX).contains(&secret.len());
        if is_long && secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self::of(secret));
        }
        Err(Error::usage(format!("what {} holds is no token", path.display())).help(format!(
            "a token is one line of {LENGTH_MIN} to {LENGTH_MAX} letters, digits and signs, without blanks: `openssl rand -hex 32`"
        )))
    }

    /// Whether this is it. Takes as long whether it is or not.
    pub(super) fn admits(&self, given: &str) -> bool {
        Self::of(given).0.ct_eq(&self.0).into()
    }

    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
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
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_token_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let first = Token::kept_in(&path).unwrap();
        let secret = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(first.admits(secret.trim_end()) && Token::kept_in(&path).unwrap().admits(secret.trim_end()));
        for wrong in ["", "x", &secret, &secret[1..], &secret.to_uppercase()] {
            assert!(!first.admits(wrong), "{wrong:?}");
        }
        assert_eq!(format!("{first:?}"), "Token(…)");
    }

    #[test]
    fn a_file_that_others_can_read_or_that_holds_no_token_is_refused_without_telling_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, mode) in [
            ("0123456789abcdef", 0o644),
            ("too short", 0o600),
            ("0123456789 abcdefghi", 0o600),
            ("é".repeat(20).as_str(), 0o600),
        ] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = Token::read(&path).unwrap_err();
            assert!(error.kind.exit_code() == 2 && !error.to_string().contains(text), "{error}");
        }
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        assert!(Token::read(&path).unwrap().admits("0123456789abcdef"));
    }
}
