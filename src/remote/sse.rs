//! Server-sent events: bytes as they come from the network in, whole events out. Pure.

/// One event. Its name and id stand within its data, too, and are not kept.
pub(super) type Data = String;

/// So much of an event that has no end yet is kept, bytes.
const EVENT_MAX: usize = 32 << 20;

/// What came of a stream so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A line without its end yet.
    line: Vec<u8>,
    /// The data of the event whose end has not come yet.
    data: Option<Data>,
}

impl Reader {
    /// Takes in what came, and gives the data of the events that are whole by it.
    ///
    /// # Errors
    /// An event that never ends.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Data>, &'static str> {
        let mut whole = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                whole.extend(self.take(&String::from_utf8_lossy(&line)));
            }
        }
        let kept = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if kept > EVENT_MAX { Err("an event that never ends") } else { Ok(whole) }
    }

    /// A whole line; an empty one ends an event.
    fn take(&mut self, line: &str) -> Option<Data> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            return self.data.take();
        }
        if let Some(value) = line.strip_prefix("data:") {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => data.extend(["\n", value]),
                none => *none = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str = ": hello\n\nid: 1\nevent: out\ndata: {\"a\":\"ä\"}\n\nid: 2\r\nevent: out\r\ndata:b\r\n\r\n:\n\nevent: end\ndata: c\ndata: d\n\ndata: never whole\n";

    #[test]
    fn events_have_their_data_and_comments_none() {
        assert_eq!(Reader::default().read(STREAM.as_bytes()).unwrap(), ["{\"a\":\"ä\"}", "b", "c\nd"]);
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(cuts in proptest::collection::vec(0..STREAM.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let (mut reader, mut events, mut from) = (Reader::default(), Vec::new(), 0);
            for to in cuts.into_iter().chain([STREAM.len()]) {
                events.extend(reader.read(&STREAM.as_bytes()[from..to]).unwrap());
                from = to;
            }
            prop_assert_eq!(events, Reader::default().read(STREAM.as_bytes()).unwrap());
        }
    }
}
