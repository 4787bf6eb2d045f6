//! Where a daemon is, as a person writes it. Pure.

use crate::{Error, Result};
use hyper::Uri;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

/// Where a daemon listens if nobody says otherwise.
const PORT: u16 = 5000;

/// A daemon's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `https://box:5000`, or `http://…` in plain text.
    Tcp {
        /// Whether what is said is encrypted.
        tls: bool,
        /// A name or an address, without brackets.
        name: String,
        /// From 1.
        port: u16,
    },
    /// `unix:///path/daemon.sock`, also as the daemon prints it: `unix:path`.
    Unix(PathBuf),
}

impl Host {
    /// Reads it.
    ///
    /// # Errors
    /// What is no such address. A URL that holds a password is refused without telling it.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::usage(format!("this is no daemon's address: {why}"))
                .help("write --host https://box:5000, http://127.0.0.1:5000 or unix:///path/daemon.sock")
        };
        if let Some(path) = url.strip_prefix("unix://").or_else(|| url.strip_prefix("unix:")) {
            return if path.is_empty() { Err(wrong("unix:// without a path")) } else { Ok(Self::Unix(path.into())) };
        }
        if url.contains('@') {
            return Err(wrong("a URL holds no user and no password").help("see --token-file"));
        }
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("{url}: {error}")))?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong(&format!("{url} begins with none of https://, http:// and unix://"))),
        };
        if !["", "/"].contains(&uri.path()) || uri.query().is_some() {
            return Err(wrong("a path or a query follows the port"));
        }
        let host = uri.host().unwrap_or_default();
        let port = uri.authority().and_then(|all| all.as_str().strip_prefix(host)?.strip_prefix(':'));
        let port = port.map_or(Ok(PORT), str::parse).map_err(|_| wrong("what follows the last colon is no port"))?;
        let name = host.trim_matches(['[', ']']).to_ascii_lowercase();
        match port {
            0 => Err(wrong(&format!("{url}: there is no port 0"))),
            _ if name.is_empty() => Err(wrong(&format!("{url} names no machine"))),
            port => Ok(Self::Tcp { tls, name, port }),
        }
    }

    /// Whether what is said may be read beyond this machine.
    #[must_use]
    pub fn is_in_the_open(&self) -> bool {
        match self {
            Self::Tcp { tls: false, name, .. } => {
                name != "localhost" && !name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            }
            Self::Tcp { .. } | Self::Unix(_) => false,
        }
    }

    /// What a request's `Host` header says.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Tcp { name, port, .. } if name.contains(':') => format!("[{name}]:{port}"),
            Self::Tcp { name, port, .. } => format!("{name}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { tls, .. } => {
                write!(f, "{}://{}", if *tls { "https" } else { "http" }, self.authority())
            }
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let shown = |url: &str| Host::parse(url).unwrap().to_string();
        let all = [
            ("https://box:5000", "https://box:5000"),
            ("https://box/", "https://box:5000"),
            ("http://127.0.0.1:81", "http://127.0.0.1:81"),
            ("http://[::1]:81", "http://[::1]:81"),
            ("unix:///run/b.sock", "unix:///run/b.sock"),
            ("unix:.blockade/daemon.sock", "unix://.blockade/daemon.sock"),
        ];
        for (written, read) in all {
            assert_eq!(shown(written), read);
        }
        assert_eq!(Host::parse("http://[::1]").unwrap(), Host::Tcp { tls: false, name: "::1".into(), port: 5000 });
    }

    #[test]
    fn what_is_none_is_refused_and_no_password_is_told() {
        let said = ["", "box", "box:5000", "ftp://box", "https://", "https://box/v1", "http://box:0", "unix://"]
            .map(|url| Host::parse(url).unwrap_err().message);
        insta::assert_snapshot!(said.join("\n"), @r##"
        this is no daemon's address: : empty string
        this is no daemon's address: box begins with none of https://, http:// and unix://
        this is no daemon's address: box:5000 begins with none of https://, http:// and unix://
        this is no daemon's address: ftp://box begins with none of https://, http:// and unix://
        this is no daemon's address: https://: empty string
        this is no daemon's address: a path or a query follows the port
        this is no daemon's address: http://box:0: there is no port 0
        this is no daemon's address: unix:// without a path
        "##);
        for url in ["https://me:secret@box:5000", "https://box:5000/?token=secret", "https://me:secret"] {
            let told = Host::parse(url).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn a_port_that_is_none_is_not_passed_over() {
        for url in ["http://box:x", "http://box:50000000", "http://[::1]:x", "http://box:"] {
            assert!(Host::parse(url).unwrap_err().message.ends_with("is no port"), "{url}");
        }
    }

    #[test]
    fn only_plain_text_beyond_this_machine_is_in_the_open() {
        let open = |url: &str| Host::parse(url).unwrap().is_in_the_open();
        for far in ["http://box", "http://10.0.0.1", "http://localhost.example", "http://[::ffff:10.0.0.1]"] {
            assert!(open(far), "{far}");
        }
        let here =
            ["http://127.0.0.7", "http://[::1]", "http://[::ffff:127.0.0.1]", "http://localhost", "http://LOCALHOST"];
        for closed in here.into_iter().chain(["https://box", "unix:///x"]) {
            assert!(!open(closed), "{closed}");
        }
    }
}
