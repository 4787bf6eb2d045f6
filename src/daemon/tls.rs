//! TLS of the daemon: what it speaks, and the greeting, which a client may not draw out.

use super::problem::Problem;
use axum::http::StatusCode;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// How long a client may take until it has agreed on keys.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);
/// The first byte of everything that a client of TLS says first.
const HANDSHAKE: u8 = 22;

/// What TLS needs. The key must be the first certificate's.
pub(super) fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Agrees on keys with a client. One that speaks plain HTTP is told so in its own tongue.
pub(super) async fn greet(mut stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TlsStream<TcpStream>> {
    let greeting = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            refuse(&mut stream).await?;
            return Err(io::Error::new(ErrorKind::InvalidData, "it speaks no TLS"));
        }
        TlsAcceptor::from(config).accept(stream).await
    };
    tokio::time::timeout(GREETING_TIME_MAX, greeting).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

async fn refuse(stream: &mut TcpStream) -> io::Result<()> {
    // What is left unread makes the kernel take the answer back.
    let mut asked = vec![0; 16 << 10];
    let _some_of_it = stream.read(&mut asked).await?;
    let problem = Problem::new(StatusCode::BAD_REQUEST, "TLS is spoken here: ask `https://`");
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::super::certificate::{self, Identity};
    use super::*;
    use crate::certificate::Fingerprint;
    use crate::remote::tls::{Trust, connect};
    use rustls::SupportedProtocolVersion;
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::net::TcpListener;

    fn identity() -> (tempfile::TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let identity = certificate::kept_in(folder.path(), IpAddr::from(Ipv4Addr::LOCALHOST)).unwrap();
        (folder, identity)
    }

    /// What a client hears who asks for `host` and finds this daemon.
    async fn meet(config: Arc<ServerConfig>, trust: Trust, host: &str) -> crate::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let daemon = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = greet(stream, config).await?;
            stream.write_all(b"hello").await?;
            stream.shutdown().await
        });
        let mut heard = String::new();
        let mut stream = connect(stream, host, trust.config()?).await?;
        let read = stream.read_to_string(&mut heard).await;
        daemon.await.unwrap().unwrap();
        read.map(|_| heard).map_err(|error| crate::Error::machine(error.to_string()))
    }

    #[tokio::test]
    async fn a_pinned_certificate_is_believed_whatever_its_names_and_no_other_one_is() {
        let (_folder, identity) = identity();
        let pinned = |fingerprint| meet(Arc::clone(&identity.config), Trust::Pinned(fingerprint), "10.1.2.3");
        assert_eq!(pinned(identity.fingerprint).await.unwrap(), "hello");
        let error = pinned(Fingerprint::of(b"another")).await.unwrap_err().to_string();
        let told = error.replace(&identity.fingerprint.to_string(), "SEEN");
        insta::assert_snapshot!(told.replace(&Fingerprint::of(b"another").to_string(), "WANTED"), @"10.1.2.3 cannot be trusted: its certificate is SEEN, and not WANTED (either its certificate was made anew, or somebody stands in between: compare the fingerprint that `blockade daemon` prints when it starts, and give that with --fingerprint, if it is this one)");
    }

    #[tokio::test]
    async fn an_authority_is_believed_for_the_names_that_it_has_signed() {
        let (_folder, identity) = identity();
        let (_elsewhere, other) = self::identity();
        let believed = |path: &std::path::Path, host: &'static str| {
            meet(Arc::clone(&identity.config), Trust::Ca(path.to_owned()), host)
        };
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(believed(&identity.path, host).await.unwrap(), "hello", "{host}");
        }
        let wrong = [
            believed(&identity.path, "box.example").await,
            believed(&other.path, "localhost").await,
            meet(Arc::clone(&identity.config), Trust::Roots, "localhost").await,
        ];
        let told = wrong.map(|error| error.unwrap_err().to_string()).join("\n");
        let host = format!("DnsName({:?}), ", rustix::system::uname().nodename());
        insta::assert_snapshot!(told.replace(&host, ""), @r#"
        box.example cannot be trusted: certificate not valid for name "box.example"; certificate is only valid for DnsName("localhost"), IpAddress(127.0.0.1) or IpAddress(0::1) (mend its certificate, or compare the fingerprint that `blockade daemon` prints when it starts, and give that with --fingerprint)
        localhost cannot be trusted: its certificate is not its own, or nobody who is trusted here has signed it (name its authority with --ca FILE, or compare the fingerprint that `blockade daemon` prints when it starts, and give that with --fingerprint)
        localhost cannot be trusted: its certificate is not its own, or nobody who is trusted here has signed it (name its authority with --ca FILE, or compare the fingerprint that `blockade daemon` prints when it starts, and give that with --fingerprint)
        "#);
    }

    /// Shows a certificate whose key somebody else has.
    #[derive(Debug)]
    struct Impostor(Arc<CertifiedKey>);

    impl ResolvesServerCert for Impostor {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    fn impostor(folder: &std::path::Path, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        use rustls::pki_types::pem::PemObject;
        let shown = CertificateDer::from_pem_file(folder.join("daemon.crt")).unwrap();
        let own = rcgen::KeyPair::generate().unwrap().serialize_der();
        let own = ring::sign::any_supported_type(&PrivateKeyDer::try_from(own).unwrap()).unwrap();
        let impostor = Impostor(Arc::new(CertifiedKey::new(vec![shown], own)));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        Arc::new(builder.with_cert_resolver(Arc::new(impostor)))
    }

    #[tokio::test]
    async fn who_shows_the_pinned_certificate_without_its_key_is_found_out() {
        let (folder, identity) = identity();
        for version in [&TLS12, &TLS13] {
            let error = meet(impostor(folder.path(), version), Trust::Pinned(identity.fingerprint), "localhost").await;
            assert!(error.as_ref().unwrap_err().message.contains("is not its own"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn each_end_notices_that_the_other_one_speaks_no_tls() {
        let (_folder, identity) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let greeted = greet(listener.accept().await.unwrap().0, identity.config).await;
        assert_eq!(greeted.unwrap_err().kind(), ErrorKind::InvalidData);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("ask `https://`"), "{answer}");

        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut daemon, _) = listener.accept().await.unwrap();
        daemon.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let refused = connect(client, "box", Trust::Pinned(identity.fingerprint).config().unwrap()).await;
        insta::assert_snapshot!(refused.unwrap_err(), @"what listens at box speaks no TLS (`http://` reaches a daemon without it)");
    }
}
