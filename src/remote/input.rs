//! Standard input, handed on to a command over there that reads it: `exec --stdin`.

use super::http::Client;
use super::wire::{Input, command_path};
use std::io::Read;
use tokio::sync::mpsc::{Sender, channel};

/// So much is sent at once, bytes.
const PIECE: usize = 64 << 10;

/// Hands on all of standard input, and its end. What comes too late for the command is nobody's.
pub(super) async fn hand_on(client: Client, id: String) {
    let (tell, mut told) = channel(4);
    // Reading cannot be given up; the process ends without it.
    std::thread::spawn(move || read(&mut std::io::stdin().lock(), &tell));
    let path = command_path(&id, "/input");
    while let Some(text) = told.recv().await {
        if client.tell(&path, &Input::Text(text)).await.is_err() {
            return;
        }
    }
    let _ended_by_itself = client.tell(&path, &Input::End(true)).await;
}

/// Whole characters as they come; what is no UTF-8 is replaced.
fn read(from: &mut impl Read, tell: &Sender<String>) {
    let (mut piece, mut rest) = (vec![0; PIECE], Vec::new());
    while let Ok(count @ 1..) = from.read(&mut piece) {
        rest.extend_from_slice(&piece[..count]);
        let whole = match std::str::from_utf8(&rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => rest.len(),
        };
        let text: Vec<u8> = rest.drain(..whole).collect();
        if tell.blocking_send(String::from_utf8_lossy(&text).into_owned()).is_err() {
            return;
        }
    }
    if !rest.is_empty() {
        let _nobody = tell.blocking_send(String::from_utf8_lossy(&rest).into_owned());
    }
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
    fn letters_are_not_torn_and_the_rest_is_not_lost() {
        let (tell, mut told) = channel(100);
        read(&mut Slow("aä€\n".as_bytes()), &tell);
        read(&mut Slow(&[b'x', 0xe2, 0x82]), &tell);
        drop(tell);
        let all: Vec<String> = std::iter::from_fn(|| told.blocking_recv()).collect();
        assert_eq!(all.concat(), "aä€\nx\u{fffd}");
    }
}
