//! TLS towards a daemon: whom a client believes, and the connection that is private from then on.
//!
//! Reads the file of an authority, or this machine's store of them; else it touches only the stream that it is handed.

use crate::certificate::{self, Fingerprint};
use crate::{Error, Result};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, OtherError, RootCertStore, SignatureScheme,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

/// How long a daemon may take to show its certificate and agree on keys.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The one certificate of this fingerprint, whatever names it bears and whoever has signed it.
    Pinned(Fingerprint),
    /// Certificates for the daemon's name that the authorities in this PEM file have signed; a daemon's own may be one.
    Ca(PathBuf),
    /// The same of the authorities that this machine believes.
    Roots,
}

impl Trust {
    /// What a connection needs. Reads the authorities, where they are what counts.
    pub fn config(&self) -> Result<Arc<ClientConfig>> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self {
            Self::Pinned(wanted) => Arc::new(Pin { wanted: *wanted, provider: Arc::clone(&provider) }),
            Self::Ca(path) => authorities(in_file(path)?, &provider)?,
            Self::Roots => authorities(of_this_machine()?, &provider)?,
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Error::machine(format!("no version of TLS can be spoken: {error}")))?;
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Makes a connection to `host`, a name or an address, private. Must be called within tokio.
pub async fn connect<S>(stream: S, host: &str, config: Arc<ClientConfig>) -> Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| Error::usage(format!("`{host}` is no host: neither a name nor an address")))?;
    let connecting = TlsConnector::from(config).connect(name, stream);
    let Ok(connected) = tokio::time::timeout(HANDSHAKE_TIME_MAX, connecting).await else {
        let limit = HANDSHAKE_TIME_MAX.as_secs();
        return Err(Error::machine(format!("what listens at {host} did not greet within {limit} s"))
            .help("does a daemon listen there, and with TLS? `http://` reaches one that does without"));
    };
    connected.map_err(|error| told(host, &error))
}

/// Why a handshake has failed.
fn told(host: &str, error: &std::io::Error) -> Error {
    use rustls::Error as Tls;
    const PIN: &str =
        "compare the fingerprint that `blockade daemon` prints when it starts, and give that with --fingerprint";
    let machine = |text: String| Error::machine(format!("{host} cannot be trusted: {text}"));
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<Tls>()) else {
        return Error::machine(format!("the connection to {host} broke off: {error}"));
    };
    match cause {
        Tls::InvalidCertificate(CertificateError::Other(OtherError(other))) => match other.downcast_ref::<Stranger>() {
            Some(stranger) => machine(stranger.to_string()).help(format!(
                "either its certificate was made anew, or somebody stands in between: {PIN}, if it is this one"
            )),
            None => machine(other.to_string()),
        },
        // The latter where an authority of the same name is trusted, and where it has not the key to what it shows.
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            machine("its certificate is not its own, or nobody who is trusted here has signed it".to_owned())
                .help(format!("name its authority with --ca FILE, or {PIN}"))
        }
        Tls::InvalidCertificate(error) => machine(error.to_string()).help(format!("mend its certificate, or {PIN}")),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Error::machine(format!("what listens at {host} speaks no TLS"))
                .help("`http://` reaches a daemon without it")
        }
        _ => Error::machine(format!("{host} and this client cannot agree on TLS: {cause}")),
    }
}

fn authorities(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    verifier.map_err(|error| Error::machine(format!("nobody can be trusted: {error}")))
}

fn in_file(path: &Path) -> Result<RootCertStore> {
    const HELP: &str = "--ca names a file of certificates in PEM: `-----BEGIN CERTIFICATE-----` …";
    let mut roots = RootCertStore::empty();
    for found in certificate::read("the authorities", path).map_err(|error| error.help(HELP))? {
        roots.add(found).map_err(|error| {
            Error::usage(format!("cannot take the authorities in {}: {error}", path.display())).help(HELP)
        })?;
    }
    Ok(roots)
}

fn of_this_machine() -> Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_taken, _of_no_use) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Error::machine(format!("this machine knows no authorities{why}"))
            .help("install ca-certificates, or say whom to trust with --fingerprint or --ca FILE"));
    }
    Ok(roots)
}

/// Believes one certificate. That the other end has its key is proved by its signature, as ever.
#[derive(Debug)]
struct Pin {
    wanted: Fingerprint,
    provider: Arc<CryptoProvider>,
}

/// Another certificate than the pinned one.
#[derive(Debug, thiserror::Error)]
#[error("its certificate is {seen}, and not {wanted}")]
struct Stranger {
    seen: Fingerprint,
    wanted: Fingerprint,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (seen, wanted) = (Fingerprint::of(end_entity), self.wanted);
        if seen == wanted {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::Other(OtherError(Arc::new(Stranger { seen, wanted }))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_must_hold_some() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str| {
            let error = Trust::Ca(folder.path().join(name)).config().unwrap_err();
            assert_eq!(error.kind.exit_code(), 2);
            error.message.replace(&folder.path().display().to_string(), "")
        };
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (name, text) in [("empty", ""), ("prose", "Dear all,"), ("bad", bad), ("torn", &bad[..40])] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let all = ["missing", "empty", "prose", "bad", "torn"].map(refused);
        insta::assert_snapshot!(all.join("\n"), @"
        cannot take the authorities in /missing: No such file or directory (os error 2)
        cannot take the authorities in /empty: it holds no certificate in PEM
        cannot take the authorities in /prose: it holds no certificate in PEM
        cannot take the authorities in /bad: invalid peer certificate: BadEncoding
        cannot take the authorities in /torn: it is damaged, or no PEM
        ");
    }
}
