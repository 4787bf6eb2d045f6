//! What a program has written, as far as it is kept. Pure; used wherever a program's output is read.

/// The most of stdout, and of stderr, that an exec keeps: a script's texts hold both, even where each byte is replaced.
pub const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// The beginning of what came, at most [`OUTPUT_BYTES_MAX`] of it.
#[derive(Debug, Default)]
pub struct Kept {
    bytes: Vec<u8>,
    dropped: bool,
}

/// It as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// As UTF-8, broken bytes replaced.
    pub text: String,
    /// Whether more came than was kept.
    pub dropped: bool,
}

impl Kept {
    /// Keeps what still fits.
    pub fn add(&mut self, bytes: &[u8]) {
        let fitting = bytes.len().min(OUTPUT_BYTES_MAX - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..fitting]);
        self.dropped |= fitting < bytes.len();
    }

    /// All of it.
    #[must_use]
    pub fn written(self) -> Written {
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        Written { text, dropped: self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_is_told() {
        let mut kept = Kept::default();
        kept.add(&vec![b'x'; OUTPUT_BYTES_MAX - 1]);
        kept.add(b"y");
        assert!(!kept.dropped);
        kept.add(b"z");
        let written = kept.written();
        assert!(written.dropped && written.text.ends_with("xy") && written.text.len() == OUTPUT_BYTES_MAX);
    }

    #[test]
    fn broken_bytes_are_replaced() {
        let mut kept = Kept::default();
        kept.add(b"a\xffb");
        assert_eq!(kept.written(), Written { text: "a\u{fffd}b".to_owned(), dropped: false });
    }
}
