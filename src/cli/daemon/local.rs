//! What the arguments mean where a daemon can be: on a host.

use super::Args;
use crate::Result;
use crate::cli::place::Place;
use crate::cli::report;
use crate::daemon::{self, Limits, Privacy, Settings};
use crate::remote::Options;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub(in crate::cli) fn main(place: Place, args: Args, options: Options) -> Result<()> {
    let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let listen = args.listen.or(args.port.map(loopback));
    if let Some(flag) = args.of_an_address(&options)
        && listen.is_none()
    {
        return Err(crate::Error::usage(format!("{flag} is for an address"))
            .help("name one with --listen; the socket is guarded by its file's mode"));
    }
    if options.insecure && (args.tls || args.tls_cert.is_some()) {
        return Err(crate::Error::usage("--insecure says plain text, and --tls or --tls-cert the opposite")
            .help("leave one of them out"));
    }
    let privacy = args.privacy(listen, options.insecure);
    let limits = Limits {
        commands: args.max_commands.into(),
        jobs: args.max_jobs.into(),
        host_commands: args.allow_host_commands,
    };
    let Options { token_file, .. } = options;
    daemon::run(Settings { place, listen, group: args.group, token_file, privacy, limits }, report::line)
}

impl Args {
    /// The first flag that means nothing to a socket.
    fn of_an_address(&self, options: &Options) -> Option<&'static str> {
        let flags = [
            ("--token-file", options.token_file.is_some()),
            ("--tls", self.tls),
            ("--tls-cert", self.tls_cert.is_some()),
            ("--insecure", options.insecure),
        ];
        flags.into_iter().find(|(_, given)| *given).map(|(flag, _)| flag)
    }

    fn privacy(&self, listen: Option<SocketAddr>, insecure: bool) -> Privacy {
        let leaves_this_machine = listen.is_some_and(|address| !address.ip().to_canonical().is_loopback());
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Privacy::Given { certificate: certificate.clone(), key: key.clone() },
            _ if self.tls || (leaves_this_machine && !insecure) => Privacy::Own,
            _ => Privacy::Plain,
        }
    }
}
