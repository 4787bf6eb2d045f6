//! Certificates, as both ends of TLS know them: in files, and by their fingerprints, which the daemon shows and a client
//! is told. Reads the files that are named.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// How it begins, where it is written out.
const HASH: &str = "sha256:";

/// The SHA-256 of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of this certificate, in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    /// `sha256:` and 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Reads what the daemon prints, and what openssl and browsers do, with colons and without `sha256:`.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::usage(format!("`{text}` is no fingerprint"))
                .help("it is `sha256:` with 64 hexadecimal digits, as `blockade daemon` prints it when it starts")
        };
        let plain = text.trim().to_ascii_lowercase();
        let digits: String = plain.strip_prefix(HASH).unwrap_or(&plain).split(':').collect();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

/// The certificates in a PEM file, of which there is one at least. `what` is what errors call them.
pub(crate) fn read(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refused = |why: &dyn fmt::Display| Error::usage(format!("cannot take {what} in {}: {why}", path.display()));
    let text = std::fs::read(path).map_err(|error| refused(&error))?;
    match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(found) if found.is_empty() => Err(refused(&"it holds no certificate in PEM")),
        Ok(found) => Ok(found),
        Err(_) => Err(refused(&"it is damaged, or no PEM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_as_others_write_it() {
        let ours = Fingerprint::of(b"abc");
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(ours.to_string(), format!("sha256:{digits}"));
        let pairs: Vec<&str> = (0..64).step_by(2).map(|at| &digits[at..at + 2]).collect();
        let theirs = pairs.join(":").to_uppercase();
        for text in [ours.to_string(), digits.to_owned(), theirs.clone(), format!(" SHA256:{theirs}\n")] {
            assert_eq!(text.parse::<Fingerprint>().unwrap(), ours, "{text}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        let digits = "0".repeat(64);
        for text in ["", "sha256:", &digits[1..], &format!("{digits}0"), &format!("sha1:{digits}"), &"é".repeat(32)] {
            assert_eq!(text.parse::<Fingerprint>().unwrap_err().kind.exit_code(), 2, "{text}");
        }
    }
}
