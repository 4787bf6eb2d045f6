//! The daemon's certificate and its key: files that somebody gives, or ones that are made in the data folder and kept.
//!
//! Two daemons that make them at once must come to show the same. Each file is made by whoever is first; the key comes
//! before the certificate, which is always made of the key that lies there: so the two belong together.

use super::{private, tls};
use crate::certificate::{self, Fingerprint};
use crate::{Error, Result};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{DnsName, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

const CERTIFICATE: &str = "daemon.crt";
const KEY: &str = "daemon.key";
const FINGERPRINT: &str = "daemon.fingerprint";
/// What errors call the key's file.
const KEY_FILE: &str = "the key's file";
/// Longer ones hold something else, bytes.
const LENGTH_MAX: usize = 256 << 10;

/// Who the daemon is to its clients.
#[derive(Debug)]
pub(super) struct Identity {
    /// Where its certificate lies.
    pub(super) path: PathBuf,
    /// By which a client may know it.
    pub(super) fingerprint: Fingerprint,
    /// What TLS needs.
    pub(super) config: Arc<ServerConfig>,
}

/// The one in the data folder, which is made where there is none. Its names, for clients that trust it as an authority,
/// are those of this host; it has no end, as whoever trusts its fingerprint trusts it until it is made anew.
pub(super) fn kept_in(data_dir: &Path, address: IpAddr) -> Result<Identity> {
    let [certificate, key] = [CERTIFICATE, KEY].map(|name| data_dir.join(name));
    if !key.exists() {
        let fresh = KeyPair::generate().map_err(|error| Error::machine(format!("cannot make a key: {error}")))?;
        private::keep(KEY_FILE, &key, 0o600, &fresh.serialize_pem())?;
    }
    if !certificate.exists() {
        let text = private::read(KEY_FILE, &key, LENGTH_MAX)?;
        let made = KeyPair::from_pem(&text).and_then(|key| signed(&key, address));
        let made = made.map_err(|_| {
            Error::usage(format!("cannot make a certificate of {}: it holds no key", key.display()))
                .help("remove it: then a key is made, too, and clients are told another fingerprint")
        })?;
        private::keep("the certificate", &certificate, 0o644, &made)?;
    }
    let identity = given(&certificate, &key)?;
    let path = data_dir.join(FINGERPRINT);
    std::fs::write(&path, format!("{}\n", identity.fingerprint))
        .map_err(|error| Error::machine(format!("cannot write {}: {error}", path.display())))?;
    Ok(identity)
}

/// One that somebody gives.
pub(super) fn given(path: &Path, key: &Path) -> Result<Identity> {
    let chain = certificate::read("the certificate", path).map_err(|error| {
        error.help("it must be PEM: `-----BEGIN CERTIFICATE-----` …, the daemon's own first, then those of its issuers")
    })?;
    let text = private::read(KEY_FILE, key, LENGTH_MAX)?;
    // What is wrong with a key may show some of it: errors say only that something is.
    let secret = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
        Error::usage(format!("{} holds no key", key.display()))
            .help("it must be PEM without a password, as in `-----BEGIN PRIVATE KEY-----`")
    })?;
    let fingerprint = Fingerprint::of(&chain[0]);
    let config = tls::config(chain, secret).map_err(|error| {
        let why = match error {
            rustls::Error::InconsistentKeys(_) => "the key is another certificate's".to_owned(),
            rustls::Error::InvalidCertificate(_) => "the certificate is damaged".to_owned(),
            error => error.to_string(),
        };
        Error::usage(format!("cannot show {} with {}: {why}", path.display(), key.display()))
            .help("the key must be that of the first certificate in the file; those of its issuers follow it")
    })?;
    Ok(Identity { path: path.to_owned(), fingerprint, config })
}

/// A certificate of this key, signed by itself.
fn signed(key: &KeyPair, address: IpAddr) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(names(address))?;
    params.distinguished_name.push(DnType::CommonName, "blockade daemon");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params.self_signed(key)?.pem())
}

/// By what names and addresses it may be asked for.
fn names(address: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if host != "localhost" && DnsName::try_from(host.as_str()).is_ok() {
        names.push(host);
    }
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    // All addresses, which `0.0.0.0` means, are no name of anything.
    if !address.is_unspecified() && !addresses.contains(&address) {
        addresses.push(address);
    }
    names.extend(addresses.iter().map(ToString::to_string));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));

    #[test]
    fn it_is_made_once_and_its_key_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = kept_in(folder.path(), ADDRESS).unwrap();
        let again = kept_in(folder.path(), IpAddr::from(Ipv4Addr::LOCALHOST)).unwrap();
        assert_eq!(first.fingerprint, again.fingerprint);
        let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode(KEY), mode(CERTIFICATE)), (0o600, 0o644));
        let kept = std::fs::read_to_string(folder.path().join(FINGERPRINT)).unwrap();
        assert_eq!(kept, format!("{}\n", first.fingerprint));
        std::fs::remove_file(folder.path().join(CERTIFICATE)).unwrap();
        assert_ne!(kept_in(folder.path(), Ipv4Addr::new(10, 0, 0, 8).into()).unwrap().fingerprint, first.fingerprint);
    }

    #[test]
    fn two_that_begin_at_once_show_the_same() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let seen: Vec<Fingerprint> = std::thread::scope(|scope| {
                let makers: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| kept_in(folder.path(), ADDRESS).unwrap().fingerprint)).collect();
                makers.into_iter().map(|maker| maker.join().unwrap()).collect()
            });
            assert!(seen.iter().all(|fingerprint| *fingerprint == seen[0]), "{seen:?}");
        }
    }

    #[test]
    fn its_names_are_those_of_this_host() {
        let told = names(ADDRESS);
        assert!(["localhost", "127.0.0.1", "::1", "10.0.0.7"].iter().all(|name| told.iter().any(|one| one == name)));
        assert!(!names(Ipv4Addr::UNSPECIFIED.into()).contains(&"0.0.0.0".to_owned()));
        assert_eq!(names(Ipv6Addr::LOCALHOST.into()).iter().filter(|name| *name == "::1").count(), 1);
    }

    #[test]
    fn what_is_no_certificate_or_no_key_or_another_ones_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        kept_in(folder.path(), ADDRESS).unwrap();
        let secret = std::fs::read_to_string(at(KEY)).unwrap();
        let keep = |name: &str, text: &str, mode: u32| {
            std::fs::write(at(name), text).unwrap();
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        keep("other.key", &KeyPair::generate().unwrap().serialize_pem(), 0o600);
        keep("open.key", &secret, 0o640);
        keep("torn.key", &secret[..60], 0o600);
        keep("empty", "", 0o600);
        keep("torn.crt", &std::fs::read_to_string(at(CERTIFICATE)).unwrap()[..60], 0o600);
        keep("bad.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600);
        let refused = |(certificate, key): (&str, &str)| {
            let error = given(&at(certificate), &at(key)).unwrap_err();
            assert_eq!(error.kind.exit_code(), 2);
            assert!(!error.to_string().contains(&secret[30..40]), "{error}");
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        };
        let all = [
            (CERTIFICATE, "other.key"),
            (CERTIFICATE, "open.key"),
            (CERTIFICATE, "torn.key"),
            (CERTIFICATE, "empty"),
            (CERTIFICATE, "missing"),
            (CERTIFICATE, CERTIFICATE),
            ("empty", KEY),
            ("torn.crt", KEY),
            ("bad.crt", KEY),
            ("missing", KEY),
        ];
        insta::assert_snapshot!(all.map(refused).join("\n"), @"
        cannot show daemon.crt with other.key: the key is another certificate's (the key must be that of the first certificate in the file; those of its issuers follow it)
        others can read the key's file open.key: its mode is 0640 (`chmod 600 open.key`)
        torn.key holds no key (it must be PEM without a password, as in `-----BEGIN PRIVATE KEY-----`)
        empty holds no key (it must be PEM without a password, as in `-----BEGIN PRIVATE KEY-----`)
        cannot read the key's file missing: No such file or directory (os error 2)
        others can read the key's file daemon.crt: its mode is 0644 (`chmod 600 daemon.crt`)
        cannot take the certificate in empty: it holds no certificate in PEM (it must be PEM: `-----BEGIN CERTIFICATE-----` …, the daemon's own first, then those of its issuers)
        cannot take the certificate in torn.crt: it is damaged, or no PEM (it must be PEM: `-----BEGIN CERTIFICATE-----` …, the daemon's own first, then those of its issuers)
        cannot show bad.crt with daemon.key: the certificate is damaged (the key must be that of the first certificate in the file; those of its issuers follow it)
        cannot take the certificate in missing: No such file or directory (os error 2) (it must be PEM: `-----BEGIN CERTIFICATE-----` …, the daemon's own first, then those of its issuers)
        ");
        keep(KEY, "no key", 0o600);
        std::fs::remove_file(at(CERTIFICATE)).unwrap();
        let damaged = kept_in(folder.path(), ADDRESS).unwrap_err().to_string();
        insta::assert_snapshot!(damaged.replace(&format!("{}/", folder.path().display()), ""), @"cannot make a certificate of daemon.key: it holds no key (remove it: then a key is made, too, and clients are told another fingerprint)");
    }
}
