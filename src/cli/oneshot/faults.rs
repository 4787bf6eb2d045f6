//! Faults that stand until they are healed: cuts and halts.

use super::targets::{Seed, Targets, groups, parties};
use super::{Format, Remote, Shown, show};
use crate::cli::setup;
use crate::engine::{Command, FaultInfo, Reply, Selection};
use crate::fault::{Fault, FaultId, LinkSet};
use crate::resolve::{random_groups, two_ends};
use crate::script::quantity::Problem;
use crate::signal::Signal;
use crate::{Error, Result};
use clap::Args;

/// What every fault takes.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Heal it by itself after this time, as in 30s
    #[arg(long = "for", value_name = "D", value_parser = setup::lasting, allow_hyphen_values = true)]
    for_us: Option<u64>,
    #[command(flatten)]
    format: Format,
}

impl Common {
    pub(super) async fn inject(self, remote: &Remote, fault: Fault, told: String) -> Result<Shown> {
        let command = Command::Inject { fault, for_us: self.for_us };
        shown(remote.call(command).await?, told, self.format)
    }

    /// Cuts into these groups, in place of the partition in force.
    async fn replace(self, remote: &Remote, groups: Vec<Vec<String>>, told: String) -> Result<Shown> {
        let command = Command::Replace { fault: Fault::Partition { groups }, for_us: self.for_us };
        shown(remote.call(command).await?, told, self.format)
    }
}

fn shown(reply: Reply, told: String, format: Format) -> Result<Shown> {
    match reply {
        Reply::Fault(info) => Ok(Shown { messages: told, ..show::injected(&info, format)? }),
        other => Err(other.odd()),
    }
}

/// Cuts the network into groups.
#[derive(Debug, Args)]
pub struct Partition {
    /// Groups of nodes that reach each other: `n1,n2 n3`. Nodes not named form one more group; a node in two groups
    /// reaches both
    #[arg(value_name = "GROUP", required_unless_present = "random", conflicts_with = "random")]
    groups: Vec<String>,
    /// Into random groups, of as many as there are nodes at most; into a single one is no partition: as `join`
    #[arg(short = 'z', long)]
    random: bool,
    #[command(flatten)]
    seed: Seed,
    #[command(flatten)]
    common: Common,
}

impl Partition {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let cluster = remote.cluster();
        if !self.random {
            let groups = groups(cluster, &self.groups)?;
            return self.common.replace(remote, groups, String::new()).await;
        }
        let (seed, told) = self.seed.draw()?;
        let groups = random_groups(cluster, seed)?;
        if groups.len() > 1 {
            return self.common.replace(remote, groups, told).await;
        }
        let shown = join(remote, self.common.format).await?;
        Ok(Shown { messages: format!("{told}a single group: no partition\n{}", shown.messages), ..shown })
    }
}

/// Lets packets travel in one direction only.
#[derive(Debug, Args)]
pub struct OneWay {
    /// Whose packets still arrive: `n1`, `n1,n2` or `world`
    source: String,
    /// Whose packets no longer do
    target: String,
    #[command(flatten)]
    common: Common,
}

impl OneWay {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let cluster = remote.cluster();
        let (source, target) = two_ends(parties(cluster, &self.source)?, parties(cluster, &self.target)?)?;
        self.common.inject(remote, Fault::OneWay { source, target }, String::new()).await
    }
}

/// Drops everything that travels from A to B.
#[derive(Debug, Args)]
pub struct Block {
    /// Whose packets: `n1`, `n1,n2` or `world`
    source: String,
    /// To whom
    target: String,
    #[command(flatten)]
    common: Common,
}

impl Block {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let cluster = remote.cluster();
        let (source, target) = two_ends(parties(cluster, &self.source)?, parties(cluster, &self.target)?)?;
        let links = LinkSet::new(&source, &target);
        self.common.inject(remote, Fault::Block { links }, String::new()).await
    }
}

/// A fault on whole nodes.
#[derive(Debug, Args)]
pub struct Halt {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    common: Common,
}

impl Halt {
    pub(super) async fn stop(self, remote: &Remote) -> Result<Shown> {
        let (nodes, told) = self.targets.resolve(remote.cluster())?;
        self.common.inject(remote, Fault::Stop { nodes }, told).await
    }

    pub(super) async fn pause(self, remote: &Remote) -> Result<Shown> {
        let (nodes, told) = self.targets.resolve(remote.cluster())?;
        self.common.inject(remote, Fault::Pause { nodes }, told).await
    }
}

/// Sends a signal to nodes.
#[derive(Debug, Args)]
pub struct Kill {
    /// The signal, by name or number
    #[arg(short, long, default_value = "SIGKILL", value_parser = signal)]
    signal: Signal,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    common: Common,
}

impl Kill {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let (nodes, told) = self.targets.resolve(remote.cluster())?;
        let signal = self.signal.name().to_owned();
        self.common.inject(remote, Fault::Kill { nodes, signal }, told).await
    }
}

fn signal(text: &str) -> Result<Signal, Problem> {
    Signal::parse(text)
}

/// Heals faults.
#[derive(Debug, Args)]
pub struct Heal {
    /// Their names, f1, f2, … [default: all]
    #[arg(value_name = "ID", value_parser = fault_id)]
    ids: Vec<FaultId>,
    #[command(flatten)]
    format: Format,
}

fn fault_id(text: &str) -> Result<FaultId, String> {
    FaultId::try_from(text.to_owned())
}

impl Heal {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        if self.ids.is_empty() {
            return show::healed(&faults(remote, Command::Heal { which: Selection::All }).await?, self.format);
        }
        let active = faults(remote, Command::Faults).await?;
        if let Some(unknown) = self.ids.iter().find(|id| !active.iter().any(|info| info.id == **id)) {
            return Err(Error::usage(format!("no fault {unknown} is active")).help("`blockade faults` lists them"));
        }
        // One that cannot be healed does not keep the others from it.
        let (mut healed, mut outcome) = (Vec::new(), Ok(()));
        for id in self.ids {
            match faults(remote, Command::Heal { which: Selection::One(id) }).await {
                Ok(gone) => healed.extend(gone),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome?;
        show::healed(&healed, self.format)
    }
}

/// Heals all cuts.
pub(super) async fn join(remote: &Remote, format: Format) -> Result<Shown> {
    show::healed(&faults(remote, Command::Heal { which: Selection::Partitions }).await?, format)
}

/// Lists the active faults.
pub(super) async fn list(remote: &Remote, format: Format) -> Result<Shown> {
    show::faults(&faults(remote, Command::Faults).await?, format)
}

/// Heals every delay, loss and the like of what nodes send. What others send to them stays as it is, but for the way
/// back of --both.
#[derive(Debug, Args)]
pub struct Fast {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    format: Format,
}

impl Fast {
    pub(super) async fn run(self, remote: &Remote) -> Result<Shown> {
        let (names, told) = self.targets.resolve(remote.cluster())?;
        let healed = faults(remote, Command::Heal { which: Selection::Impairments(names) }).await?;
        let shown = show::healed(&healed, self.format)?;
        Ok(Shown { messages: format!("{told}{}", shown.messages), ..shown })
    }
}

async fn faults(remote: &Remote, command: Command) -> Result<Vec<FaultInfo>> {
    match remote.call(command).await? {
        Reply::Faults(faults) => Ok(faults),
        other => Err(other.odd()),
    }
}
