//! `slow`, `flaky`, `throttle` and the rest: impairments of all that nodes send, or of single links.

use super::faults::Common;
use super::targets::{Targets, parties};
use super::{Remote, Shown};
use crate::Result;
use crate::doctor;
use crate::resolve::Shaping;
use clap::Args;

/// Impairs links, until healed: all that the nodes send, or with --to only what they send there.
#[derive(Debug, Args)]
pub struct Shape {
    #[command(flatten)]
    targets: Targets,
    /// Only what they send to these: `n1`, `n1,n2` or `world`
    #[arg(long, value_name = "NODE,…")]
    to: Option<String>,
    /// Also what is sent to them
    #[arg(long)]
    both: bool,
    // Before the others, whose headings hold for all that follows.
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    on: On,
}

/// How much, in a script's words; each command takes those that it is about.
#[derive(Debug, Args)]
#[command(next_help_heading = "How much")]
struct How {
    /// slow, degrade: added latency, as in 100ms
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    delay: Option<String>,
    /// slow, degrade: its spread
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    jitter: Option<String>,
    /// slow, degrade: uniform, normal, pareto or paretonormal
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    distribution: Option<String>,
    /// flaky, degrade: the share of packets lost, as in 30% or 0.3
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    loss: Option<String>,
    /// duplicate, degrade: the share of packets that arrive twice
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    duplicate: Option<String>,
    /// corrupt, degrade: the share of packets with a flipped bit
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    corrupt: Option<String>,
    /// reorder, degrade: the share of packets that overtake others
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    reorder: Option<String>,
    /// reorder, degrade: only every so-manieth packet may overtake
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    gap: Option<String>,
    /// throttle, degrade: no more than this, as in 10mbit
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    rate: Option<String>,
    /// How much a packet's fate has to do with the next one's, as in 25%
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    correlation: Option<String>,
}

/// Which packets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which packets")]
struct On {
    /// Only of this protocol: tcp, udp or icmp
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    proto: Option<String>,
    /// Only with this port at either end
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    port: Option<String>,
    /// Only of this family: ipv4 or ipv6
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    family: Option<String>,
}

impl How {
    fn words(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("delay", &self.delay),
            ("jitter", &self.jitter),
            ("distribution", &self.distribution),
            ("loss", &self.loss),
            ("duplicate", &self.duplicate),
            ("corrupt", &self.corrupt),
            ("reorder", &self.reorder),
            ("gap", &self.gap),
            ("rate", &self.rate),
            ("correlation", &self.correlation),
        ];
        all.into_iter().filter_map(|(key, word)| Some((key, word.as_deref()?))).collect()
    }
}

impl On {
    fn words(&self) -> Vec<(&'static str, &str)> {
        let all = [("proto", &self.proto), ("port", &self.port), ("family", &self.family)];
        all.into_iter().filter_map(|(key, word)| Some((key, word.as_deref()?))).collect()
    }
}

impl Shape {
    pub(super) async fn run(self, remote: &Remote, verb: &str) -> Result<Shown> {
        let cluster = remote.cluster();
        let (nodes, told) = self.targets.parties(cluster)?;
        let to = self.to.as_deref().map(|list| parties(cluster, list)).transpose()?;
        let shaping = Shaping { verb, nodes, to, both: self.both, how: &self.how.words(), on: &self.on.words() };
        let fault = shaping.fault(cluster)?;
        self.common.inject(remote, fault, told).await.map_err(doctor::with_what_shaping_lacks)
    }
}
