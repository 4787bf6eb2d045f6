//! As much of an HTTP client as the tests need, so that what they see comes from no code under test.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

/// Where a daemon is.
#[derive(Clone, Debug)]
pub enum Address {
    Unix(PathBuf),
    Tcp(String),
    /// With the file of the certificate that is believed.
    Tls(String, PathBuf),
}

/// A stream to it.
pub trait Stream: Read + Write + Send {}
impl Stream for UnixStream {}
impl Stream for TcpStream {}
impl Stream for StreamOwned<ClientConnection, TcpStream> {}

/// Longer than anything here may take; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(30);

impl Address {
    pub fn connect(&self) -> Box<dyn Stream> {
        match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                Box::new(stream)
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                Box::new(stream)
            }
            Self::Tls(address, certificate) => Box::new(private(address, certificate, &[&TLS12, &TLS13])),
        }
    }
}

/// A stream to a daemon that TLS's own rules believe: certificate, name and all.
pub fn private(
    address: &str,
    certificate: &Path,
    versions: &[&'static SupportedProtocolVersion],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    StreamOwned::new(client, stream)
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The answer, if it has this status; else a panic that shows everything.
    pub fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n\n{}", self.head, self.body);
        self
    }

    pub fn json(&self) -> Value {
        assert!(self.head.contains("json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Of a problem, what it says.
    pub fn detail(&self) -> String {
        assert!(self.head.contains("content-type: application/problem+json"), "{}\n{}", self.head, self.body);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// Sends these bytes and reads what comes, until the other end has said all.
pub fn raw(address: &Address, bytes: &[u8]) -> Option<Answer> {
    let mut stream = address.connect();
    // What the daemon has refused already need not be sent wholly.
    let _refused = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _reset_behind_the_answer = stream.read_to_end(&mut answer);
    parse(&String::from_utf8_lossy(&answer))
}

/// The same from a client that says at once that it will say no more; it may get no answer.
pub fn raw_half_closed(address: &Address, bytes: &[u8]) -> Option<Answer> {
    let Address::Unix(path) = address else { panic!("a socket") };
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let _refused = stream.write_all(bytes);
    // A whole request is answered before its end is looked for.
    let is_whole = bytes.windows(4).any(|window| window == b"\r\n\r\n");
    if is_whole {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    } else {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut answer = Vec::new();
    let _silent = stream.read_to_end(&mut answer);
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = match length {
        Some(length) => body.get(..length).unwrap_or(body).to_owned(), // behind it may stand the next answer
        None if head.contains("transfer-encoding: chunked") => unchunked(body),
        None => body.to_owned(),
    };
    Some(Answer { status, head, body })
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        let Some(chunk) = rest.get(..length) else { break };
        text.push_str(chunk);
        body = rest.get(length + 2..).unwrap_or_default();
    }
    text
}

/// A request as its bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let mut all = vec![("Host", "localhost"), ("Connection", "close")];
    all.extend(headers);
    if !body.is_empty() {
        all.extend([("Content-Type", "application/json"), ("Content-Length", length.as_str())]);
    }
    let headers: Vec<String> = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\n{}\r\n{body}", headers.concat()).into_bytes()
}
