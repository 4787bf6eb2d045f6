//! One HTTP request, for `ready: {http: …}`: does a server that has just come up answer with a success?

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// As much of an answer as is read: its first line fits many times.
const HEAD_BYTES: u64 = 4_096;

/// The status of `GET path`; nothing where no HTTP came back in time.
pub(super) async fn status(mut stream: TcpStream, host: &str, path: &str, wait: Duration) -> Option<u16> {
    let exchange = async {
        // Version 1.0: the server closes the connection, and sends no chunks.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        (&mut stream).take(HEAD_BYTES).read_to_end(&mut head).await?;
        std::io::Result::Ok(head)
    };
    parse(&timeout(wait, exchange).await.ok()?.ok()?)
}

/// The status in an answer's first line: `HTTP/1.1 200 OK`.
fn parse(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_status_is_the_second_word_of_an_http_answer() {
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"), Some(204));
        assert_eq!(parse(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(parse(b"SSH-2.0-OpenSSH 200\r\n"), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"HTTP/1.1 \xff\r\n"), None);
    }
}
