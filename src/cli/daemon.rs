//! `blockade daemon`: where it listens, and who may ask it.

use super::place::Place;
use super::report;
use crate::Result;
use crate::daemon::{self, Settings};
use crate::remote::Options;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    /// Let this group use the socket, too
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

pub(super) fn main(place: Place, args: Args, options: Options) -> Result<()> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let Args { listen, port, group } = args;
    let Options { token_file, insecure, .. } = options;
    let listen = listen.or(port.map(loopback));
    if listen.is_none() && (token_file.is_some() || insecure) {
        return Err(crate::Error::usage("--token-file and --insecure are for an address")
            .help("name one with --listen; the socket is guarded by its file's mode"));
    }
    daemon::run(Settings { place, listen, group, token_file, insecure }, report::line)
}
