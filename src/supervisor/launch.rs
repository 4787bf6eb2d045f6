//! Starts a supervisor, and waits until its cluster is up or nothing of it is left.
//!
//! The supervisor is this binary again, detached. Its standard input is a socket to here: down goes what to start, up
//! comes what became of it, and the end of this process before that is the end of the supervisor. Its standard output
//! is the lock, taken here, so that it is held without a gap.

use super::audit::Entry;
use super::folder::{Claim, ClusterFolder};
use super::protocol::line;
use crate::cluster::{Cluster, RuntimeKind};
use crate::runtime::{self, Options};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// What to bring up.
#[derive(Debug, Serialize, Deserialize)]
pub struct Launch {
    /// With addresses and all.
    pub cluster: Cluster,
    /// Where the nodes live.
    pub kind: RuntimeKind,
    /// What `--set` gave.
    pub params: BTreeMap<String, String>,
    /// What `${seed}` in the cluster's file stands for.
    pub seed: u64,
    /// How to go about it.
    pub options: Options,
    /// Whether the supervisor's log is to tell everything.
    #[serde(default)]
    pub debug: bool,
}

/// What the supervisor is told over its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) data_dir: PathBuf,
    pub(super) launch: Launch,
}

/// Brings a cluster up that outlives this process. An error means that nothing of it is left.
///
/// Blocks until the nodes are ready. A cluster of this name that is up already is a usage error.
pub fn start(folder: &ClusterFolder, launch: Launch) -> Result<()> {
    let Some(claim) = folder.claim()? else { return Err(already_up(folder)) };
    // The docker runtime removes containers of the dead itself.
    if launch.kind != RuntimeKind::Docker && folder.state().is_some_and(|state| state.outlives()) {
        runtime::io_threads()?.block_on(runtime::remove_leftovers(folder.name()))?;
    }
    folder.clear(&claim)?;
    let spare = claim.0.try_clone().map(Claim);
    let outcome = supervised(folder, claim, launch);
    if outcome.is_err()
        && let Ok(claim) = spare
    {
        // One that came to its end has done so itself; one that crashed has not.
        let _gone_already = folder.remove(&claim);
    }
    outcome
}

/// Puts an `up` on the audit trail that came to nothing before there was a supervisor to do so.
pub fn not_started(folder: &ClusterFolder, cluster: &Cluster, error: &Error) {
    let targets = cluster.names().map(Into::into).collect();
    let written = folder.audit().append(&Entry::new("up", targets, "command", &Err(error.clone())));
    if let Err(error) = written {
        tracing::warn!("{error}");
    }
}

fn supervised(folder: &ClusterFolder, claim: Claim, launch: Launch) -> Result<()> {
    let (mut ours, theirs) = UnixStream::pair().map_err(|error| cannot_start(&error))?;
    let mut child = spawn(theirs.into(), claim.0.into()).map_err(|error| cannot_start(&error))?;
    let data_dir = folder.path().ancestors().nth(2).unwrap_or(folder.path()).to_owned();
    let order = line(&Order { data_dir, launch })?;
    let mut report = String::new();
    let told = ours.write_all(order.as_bytes());
    let heard = told.and_then(|()| BufReader::new(&ours).read_line(&mut report));
    match serde_json::from_str(&report) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let _its_end = child.wait();
            Err(error)
        }
        Err(_) => Err(crashed(&mut child, heard.err())),
    }
}

fn spawn(stdin: OwnedFd, stdout: OwnedFd) -> std::io::Result<Child> {
    Command::new("/proc/self/exe")
        .arg0("blockade: supervisor")
        .arg("supervise")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
}

fn cannot_start(error: &std::io::Error) -> Error {
    Error::machine(format!("cannot start the supervisor: {error}"))
}

fn crashed(child: &mut Child, error: Option<std::io::Error>) -> Error {
    let end = child.wait().map(|status| status.to_string()).unwrap_or_default();
    let cause = error.map(|error| format!(": {error}")).unwrap_or_default();
    Error::machine(format!("the supervisor ended before the cluster was up ({end}){cause}"))
}

fn already_up(folder: &ClusterFolder) -> Error {
    Error::new(ErrorKind::Usage, format!("the cluster `{}` is already up", folder.name()))
        .help("`blockade status` shows it, `blockade destroy` removes it; another one needs another --name")
}
