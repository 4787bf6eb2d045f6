//! `blockade daemon`: where it listens, and who may ask it.

use super::place::Place;
use super::report;
use crate::Result;
use crate::daemon::{self, Privacy, Settings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Serves the clusters of this data folder over HTTP, until Ctrl-C or SIGTERM.
///
/// By default on the socket `daemon.sock` in the data folder, for its user alone. The daemon owns no cluster: those that
/// are up stay up, with their faults, when it ends; a chaos program that it runs ends with it, and its faults are healed.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Listen on this address in the place of the socket, as in 127.0.0.1:5000; every request needs the token
    #[arg(long, value_name = "ADDR", conflicts_with = "group")]
    listen: Option<SocketAddr>,
    /// Short for --listen 127.0.0.1:PORT
    #[arg(short, long, value_name = "PORT", conflicts_with_all = ["listen", "group"])]
    port: Option<u16>,
    /// The file that holds the token [default: daemon.token in the data folder, made with a fresh one]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Speak TLS on loopback, too; beyond it that is so anyway
    #[arg(long)]
    tls: bool,
    /// Speak TLS with this certificate (PEM, with those of its issuers) [default: one made in the data folder]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM), which nobody but its owner may read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Listen beyond this machine in plain text: whoever sees the traffic has the token
    #[arg(long, conflicts_with_all = ["tls", "tls_cert"])]
    insecure: bool,
    /// Let this group use the socket, too
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub(super) fn main(place: Place, args: Args) -> Result<()> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let listen = args.listen.or(args.port.map(loopback));
    if let Some(flag) = args.of_an_address()
        && listen.is_none()
    {
        return Err(crate::Error::usage(format!("{flag} is for an address"))
            .help("name one with --listen; the socket is guarded by its file's mode"));
    }
    let privacy = args.privacy(listen);
    let Args { token_file, group, .. } = args;
    daemon::run(Settings { place, listen, group, token_file, privacy }, report::line)
}

impl Args {
    /// The first flag that means nothing to a socket.
    fn of_an_address(&self) -> Option<&'static str> {
        let flags = [
            ("--token-file", self.token_file.is_some()),
            ("--tls", self.tls),
            ("--tls-cert", self.tls_cert.is_some()),
            ("--insecure", self.insecure),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    fn privacy(&self, listen: Option<SocketAddr>) -> Privacy {
        let leaves_this_machine = listen.is_some_and(|address| !address.ip().is_loopback());
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Privacy::Given { certificate: certificate.clone(), key: key.clone() },
            _ if self.tls || (leaves_this_machine && !self.insecure) => Privacy::Own,
            _ => Privacy::Plain,
        }
    }
}
