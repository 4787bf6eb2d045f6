//! Bytes that arrive in pieces, as text: a character cut in two waits for its other half, broken bytes are replaced.
//!
//! Pure.

/// What of the bytes so far is no text yet.
#[derive(Debug, Default)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// Takes more bytes; gives the text up to the last whole character.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        let whole = self.0.len() - self.unfinished();
        let rest = self.0.split_off(whole);
        let text = String::from_utf8_lossy(&self.0).into_owned();
        self.0 = rest;
        text
    }

    /// The text of what is left: there will be no more.
    pub(crate) fn finish(self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// How many bytes at the end are the beginning of a character.
    fn unfinished(&self) -> usize {
        let last = self.0.utf8_chunks().last().map(|chunk| chunk.invalid()).unwrap_or_default();
        let is_cut = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
        if is_cut { last.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn however_bytes_are_cut_the_text_is_the_same(
            pieces in proptest::collection::vec(
                prop_oneof!["[a€é🦀]{0,4}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..4)],
                0..8,
            ),
            cuts in proptest::collection::vec(1_usize..6, 0..40),
        ) {
            let bytes = pieces.concat();
            let (mut text, mut told, mut rest) = (Text::default(), String::new(), &bytes[..]);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                told += &text.push(piece);
                rest = after;
            }
            told += &text.push(rest);
            told += &text.finish();
            prop_assert_eq!(told, String::from_utf8_lossy(&bytes));
        }
    }
}
