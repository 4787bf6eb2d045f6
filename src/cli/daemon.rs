//! `blockade daemon`: where it listens, and who may ask it.

#[cfg(feature = "host")]
mod local;

#[cfg(feature = "host")]
pub(super) use local::main;

use std::net::SocketAddr;
use std::path::PathBuf;

/// Serves the clusters of this data folder over HTTP, until Ctrl-C or SIGTERM.
///
/// By default on the socket `daemon.sock` in the data folder, for its user alone. The daemon owns no cluster: those that
/// are up stay up, with their faults, when it ends; a chaos program that it runs ends with it, and its faults are healed.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Listen on this address in the place of the socket, as in 127.0.0.1:5000; every request needs the token
    #[arg(long, value_name = "ADDR", conflicts_with = "group", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Short for --listen 127.0.0.1:PORT
    #[arg(short, long, value_name = "PORT", conflicts_with_all = ["listen", "group"])]
    port: Option<u16>,
    /// Speak TLS on loopback, too; beyond it that is so anyway
    #[arg(long)]
    tls: bool,
    /// Speak TLS with this certificate (PEM, with those of its issuers) [default: one made in the data folder]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM), which nobody but its owner may read
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Let this group use the socket, too
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Let workload() of scripts that were sent start programs on this machine, outside of the nodes
    #[arg(long)]
    allow_host_commands: bool,
    /// So many runs, soaks and sessions that were sent may go on at once, and as many short commands
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    max_commands: u16,
    /// So many runs side by side a soak or a shrink that was sent may have
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..))]
    max_jobs: u16,
}

/// An address with its port.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, like 127.0.0.1:5000 or [::1]:5000".to_owned())
}
