//! A process that tries things out, in namespaces that it enters as an agent would.
//!
//! It is this binary again (`blockade probe`), since entering a user namespace takes a process without threads. What
//! it found goes to its standard output.

use crate::agent::{mounts, within};
use crate::kernel::features;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

/// Whether something worked, and in whose words it did not; `None` where it could not be tried.
pub type Trial = Option<Result<(), Error>>;

/// What was tried, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Namespaces of our own, through a user namespace where there are no rights.
    pub namespaces: Trial,
    /// A fresh `/proc` in them.
    pub proc: Trial,
    /// Bridge and veth.
    pub links: Trial,
    /// nftables: sets and drops in the inet family.
    pub drops: Trial,
    /// nftables: refusals with an answer.
    pub rejects: Trial,
    /// nftables: drops at netdev egress.
    pub egress: Trial,
    /// nftables: losses by chance.
    pub chance: Trial,
    /// The queueing discipline netem.
    pub netem: Trial,
    /// The queueing discipline HTB.
    pub htb: Trial,
    /// Packets handed to user space.
    pub queue: Trial,
}

/// `blockade probe`: to be called before the process has a second thread. Prints facts as JSON.
pub fn probe() {
    if let Err(error) = within(|| print(&inside())) {
        print(&Facts { namespaces: Some(Err(error)), ..Facts::default() });
    }
}

/// What this machine's kernel does, found by a process of its own.
pub(super) fn facts() -> Result<Facts> {
    let probe = Command::new("/proc/self/exe").arg("probe").stdin(Stdio::null()).output();
    let ended = probe.map_err(|error| Error::machine(format!("cannot start a probe: {error}")))?;
    serde_json::from_slice(&ended.stdout)
        .map_err(|error| Error::machine(format!("the probe found nothing ({}): {error}", ended.status)))
}

fn inside() -> Facts {
    let facts = Facts { namespaces: Some(Ok(())), proc: Some(mounts()), ..Facts::default() };
    // Without the right to mount there is none for anything else.
    if facts.proc.as_ref().is_some_and(Result::is_err) {
        return facts;
    }
    let links = features::links();
    let on_links = |trial: fn() -> Result<()>| links.is_ok().then(trial);
    Facts {
        drops: Some(features::drops()),
        rejects: Some(features::rejects()),
        egress: on_links(features::egress),
        chance: Some(features::chance()),
        netem: on_links(features::netem),
        htb: on_links(features::htb),
        queue: Some(features::queue()),
        links: Some(links),
        ..facts
    }
}

fn print(facts: &Facts) {
    use std::io::Write;
    let text = serde_json::to_vec(facts).unwrap_or_default();
    // Whoever asked finds nothing then, and says so.
    let mut stdout = std::io::stdout().lock();
    let _gone = stdout.write_all(&text).and_then(|()| stdout.flush());
}
