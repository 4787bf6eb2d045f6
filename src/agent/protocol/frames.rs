//! The frames that messages travel in.
//!
//! A frame is a length (4 bytes, little endian) and that many bytes of MessagePack: a half/half cut of fifty nodes is
//! some four thousand addresses, and as JSON they would cost as much as their rules.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A frame larger than this is a broken peer: both outputs of an exec, each byte escaped, fit.
const FRAME_BYTES_MAX: u32 = 512 << 20;

/// Encodes a frame.
pub(crate) fn frame(message: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write_named(&mut frame, message).map_err(std::io::Error::other)?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|length| *length <= FRAME_BYTES_MAX);
    let length = length.ok_or(std::io::ErrorKind::FileTooLarge)?;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// Writes one frame.
pub(in crate::agent) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Serialize,
) -> std::io::Result<()> {
    to.write_all(&frame(message)?).await
}

/// Reads one frame; nothing at the end of the stream, also in the middle of a frame: the peer was killed.
pub(crate) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<T>> {
    let mut length = [0; 4];
    if !filled(from, &mut length).await? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length);
    if length > FRAME_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize];
    if !filled(from, &mut body).await? {
        return Ok(None);
    }
    rmp_serde::from_slice(&body).map(Some).map_err(std::io::Error::other)
}

async fn filled(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(buffer).await {
        Ok(_) => Ok(true),
        Err(error) if is_end(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A peer that was killed with unread data in its socket shows as a reset.
fn is_end(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::super::{Ended, Notification};
    use super::*;

    #[tokio::test]
    async fn frames_travel_one_after_another() {
        let (mut a, mut b) = tokio::io::duplex(16);
        let sent = Notification::Exited { node: "n1".into(), life: 1, ended: Ended::Code(3), expected: false };
        let again = sent.clone();
        let writer = tokio::spawn(async move {
            write(&mut a, &again).await.unwrap();
            write(&mut a, &again).await.unwrap();
        });
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), Some(sent.clone()));
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), Some(sent));
        writer.await.unwrap();
        assert_eq!(read::<Notification>(&mut b).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_frame_cut_short_is_the_end() {
        let whole = frame(&"hello").unwrap();
        let mut cut = &whole[..whole.len() - 1];
        assert_eq!(read::<String>(&mut cut).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_absurd_length_is_an_error_and_no_allocation() {
        let mut bytes: &[u8] = &[0xff; 8];
        assert!(read::<String>(&mut bytes).await.is_err());
    }
}
