//! Standard input, handed on to a command over there that reads it: `exec --stdin`.

use super::failure::Failure;
use super::http::Client;
use super::wire::{Input, command_path};
use crate::Error;
use std::io::{self, ErrorKind, Read};
use tokio::sync::mpsc::{Sender, channel};

/// So much is sent at once, bytes.
const PIECE: usize = 64 << 10;

/// Hands on all of standard input, and its end. What comes too late for the command is nobody's.
///
/// # Errors
/// It cannot be read or is no UTF-8, which a local command refuses, too; the way is lost.
pub(super) async fn hand_on(client: &Client, id: &str) -> Result<(), Failure> {
    let (tell, mut told) = channel(4);
    // Reading cannot be given up; the process ends without it.
    std::thread::spawn(move || read(&mut std::io::stdin().lock(), &tell));
    let path = command_path(id, "/input");
    while let Some(text) = told.recv().await {
        let text = text.map_err(|error| Error::usage(format!("cannot read standard input: {error}")))?;
        if !is_taken(client.tell(&path, &Input::Text(text)).await)? {
            return Ok(());
        }
    }
    is_taken(client.tell(&path, &Input::End(true)).await).map(drop)
}

/// Whether somebody reads it over there.
fn is_taken(told: Result<(), Failure>) -> Result<bool, Failure> {
    match told {
        Err(Failure::There(_)) => Ok(false),
        told => told.map(|()| true),
    }
}

/// Whole characters as they come, and at last what is wrong, if something is.
fn read(from: &mut impl Read, tell: &Sender<io::Result<String>>) {
    let (mut piece, mut rest) = (vec![0; PIECE], Vec::new());
    loop {
        let count = match from.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count,
        };
        let more = matches!(count, Ok(1..));
        let text = count.and_then(|count| {
            rest.extend_from_slice(&piece[..count]);
            whole(&mut rest, !more)
        });
        let is_wrong = text.is_err();
        if tell.blocking_send(text).is_err() || is_wrong || !more {
            return;
        }
    }
}

/// Takes the characters that are whole.
fn whole(rest: &mut Vec<u8>, is_end: bool) -> io::Result<String> {
    let end = match std::str::from_utf8(rest) {
        Ok(text) => text.len(),
        Err(error) if error.error_len().is_none() && !is_end => error.valid_up_to(),
        Err(_) => return Err(io::Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8")),
    };
    let text: Vec<u8> = rest.drain(..end).collect();
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let (now, later) = self.0.split_at(self.0.len().min(1));
            into[..now.len()].copy_from_slice(now);
            self.0 = later;
            Ok(now.len())
        }
    }

    #[test]
    fn letters_are_not_torn_and_what_is_no_text_is_told() {
        let of = |bytes: &[u8]| {
            let (tell, mut told) = channel(100);
            read(&mut Slow(bytes), &tell);
            drop(tell);
            std::iter::from_fn(|| told.blocking_recv()).collect::<io::Result<String>>().map_err(|error| error.kind())
        };
        assert_eq!((of("aä€\n".as_bytes()), of(b"")), (Ok("aä€\n".to_owned()), Ok(String::new())));
        for odd in [&[b'x', 0xe2, 0x82][..], &[b'x', 0xff, b'y']] {
            assert_eq!(of(odd), Err(ErrorKind::InvalidData));
        }
    }
}
