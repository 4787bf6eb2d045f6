//! Starts a supervisor, and waits until its cluster is up or nothing of it is left.
//!
//! The supervisor is this binary again, detached. Its standard input is a socket to here: down goes what to start, up
//! comes what became of it, and the end of this process before that is the end of the supervisor. Its standard output
//! is the lock, taken here, so that it is held without a gap.

use super::audit::Entry;
use super::folder::{Claim, ClusterFolder, Reached};
use super::protocol::{Launch, line};
use crate::cluster::{Cluster, RuntimeKind};
use crate::runtime::{self, Options};
use crate::signal::early;
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tokio::io::AsyncBufReadExt;
use tokio::signal::unix::{SignalKind, signal};

/// What the supervisor is told over its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) data_dir: PathBuf,
    pub(super) launch: Launch,
}

/// Brings a cluster up that outlives this process, unless that is `revoked` before it is up. An error means that nothing
/// of it is left.
///
/// Blocks until the nodes are ready. A cluster of this name that is up already is a usage error.
pub fn start(folder: &ClusterFolder, launch: Launch, revoked: impl Future<Output = std::io::Result<()>>) -> Result<()> {
    let Some(claim) = folder.claim()? else { return Err(in_the_way(folder)?) };
    // The docker runtime removes containers of the dead itself.
    if launch.kind != RuntimeKind::Docker && folder.state().is_some_and(|state| state.outlives()) {
        runtime::io_threads()?.block_on(runtime::remove_leftovers(folder.name()))?;
    }
    folder.clear(&claim)?;
    let spare = claim.0.try_clone().map(Claim);
    let outcome = supervised(folder, claim, launch, revoked);
    if outcome.is_err()
        && let Ok(claim) = spare
    {
        // One that came to its end has done so itself; one that crashed has not.
        let _gone_already = folder.remove(&claim);
    }
    outcome
}

/// Brings a cluster up that has no nodes yet, for containers to be taken in.
pub fn start_without_nodes(
    folder: &ClusterFolder,
    debug: bool,
    revoked: impl Future<Output = std::io::Result<()>>,
) -> Result<()> {
    let launch = Launch {
        cluster: Cluster::of_containers(folder.name()),
        kind: RuntimeKind::Docker,
        params: BTreeMap::new(),
        seed: 0,
        options: Options::default(),
        debug,
    };
    runtime::prepare(launch.kind, &launch.cluster)?;
    start(folder, launch, revoked)
}

/// Puts an `up` on the audit trail that came to nothing before there was a supervisor to do so.
pub fn not_started(folder: &ClusterFolder, cluster: &Cluster, error: &Error) {
    let targets = cluster.names().map(Into::into).collect();
    let written = folder.audit().append(&Entry::new("up", targets, "command", &Err(error.clone())));
    if let Err(error) = written {
        tracing::warn!("{error}");
    }
}

fn supervised(
    folder: &ClusterFolder,
    claim: Claim,
    launch: Launch,
    revoked: impl Future<Output = std::io::Result<()>>,
) -> Result<()> {
    let (mut ours, theirs) = UnixStream::pair().map_err(|error| cannot_start(&error))?;
    let mut child = spawn(theirs.into(), claim.0.into()).map_err(|error| cannot_start(&error))?;
    let data_dir = folder.path().ancestors().nth(2).unwrap_or(folder.path()).to_owned();
    let order = line(&Order { data_dir, launch })?;
    let heard = ours.write_all(order.as_bytes()).and_then(|()| hear(ours, revoked));
    let (report, is_revoked) = match heard {
        Ok(heard) => heard,
        Err(error) => return Err(crashed(&mut child, Some(error))),
    };
    match serde_json::from_str::<Result<()>>(&report) {
        Ok(Ok(())) if is_revoked => {
            Err(Error::new(ErrorKind::Interrupted, "interrupted when the cluster was up already")
                .help("`blockade destroy` removes it"))
        }
        Ok(Ok(())) => {
            // A process that lives on, as a daemon does, must not leave its supervisors zombies.
            std::thread::spawn(move || child.wait());
            Ok(())
        }
        Ok(Err(error)) => {
            let _its_end = child.wait();
            Err(if is_revoked && error.kind == ErrorKind::Interrupted { interruption() } else { error })
        }
        Err(_) => Err(crashed(&mut child, None)),
    }
}

/// What the supervisor says of the cluster. Where the order is revoked, that is told as well: the supervisor removes what
/// there is, and that is waited for.
fn hear(from: UnixStream, revoked: impl Future<Output = std::io::Result<()>>) -> std::io::Result<(String, bool)> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(async {
        from.set_nonblocking(true)?;
        let (read, write) = tokio::net::UnixStream::from_std(from)?.into_split();
        let mut lines = tokio::io::BufReader::new(read).lines();
        let report = tokio::select! {
            report = lines.next_line() => Some(report?),
            revoked = revoked => revoked.map(|()| None)?,
        };
        if let Some(report) = report {
            return Ok((report.unwrap_or_default(), false));
        }
        drop(write);
        Ok((lines.next_line().await?.unwrap_or_default(), true))
    })
}

/// Waits for Ctrl-C or SIGTERM, which end nothing by themselves any more once this was called.
pub async fn interrupted() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    early::somebody_listens();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn interruption() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted while the cluster was coming up")
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

/// Whoever has the folder is up, or about to come or to go.
fn in_the_way(folder: &ClusterFolder) -> Result<Error> {
    Ok(match folder.reach()? {
        Reached::Supervisor(_) if folder.state().is_some() => {
            Error::usage(format!("the cluster `{}` is already up", folder.name()))
                .help("`blockade status` shows it, `blockade destroy` removes it; another one needs another --name")
        }
        // As wrong a moment later, when it is up.
        _ => Error { kind: ErrorKind::Usage, ..folder.busy() },
    })
}
