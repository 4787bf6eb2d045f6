//! The way from a request to a cluster's supervisor. Requests that only look share a connection for each cluster; each of
//! the others has one of its own, as a one-shot command has: what it waits for ends when its client goes.

mod up;

use super::chaos::Programs;
use super::counts::Counts;
use super::errands::{Errands, Limits};
use super::problem::Problem;
use crate::cli::place::Place;
use crate::cluster::Cluster;
use crate::engine::{Command, FaultInfo, NodeStatus, Port, Reply, Selection};
use crate::fault::Fault;
use crate::supervisor::{self, ClusterFolder, Connection, Destroyed, Standing};
use crate::{Error, ErrorKind, Result, doctor};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
pub(super) use up::Wanted;

/// What all routes share.
pub(super) struct Daemon {
    place: Place,
    /// Turns true when the daemon is to end.
    pub(super) stopped: watch::Receiver<bool>,
    /// The chaos programs that run.
    pub(super) programs: Programs,
    /// What was counted of journals and runs.
    pub(super) counts: Counts,
    shared: Shared,
    /// The commands that run for others.
    pub(super) errands: Arc<Errands>,
}

/// The connections that looks share, by cluster.
#[derive(Default)]
struct Shared(Mutex<BTreeMap<String, Arc<Remote>>>);

/// How long chaos programs may take to heal what they did when the daemon ends.
const CHAOS_END_MAX: Duration = Duration::from_secs(60);

impl Daemon {
    pub(super) fn new(place: Place, limits: Limits, stopped: watch::Receiver<bool>) -> Self {
        let errands = Arc::new(Errands::new(place.data_dir(), limits));
        let (programs, counts, shared) = (Programs::default(), Counts::default(), Shared::default());
        Self { place, stopped, programs, counts, shared, errands }
    }

    /// Whose clusters.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where clusters and runs keep their files.
    pub(super) fn data_dir(&self) -> &Path {
        self.place.data_dir()
    }

    /// The folder of the cluster of this name, which must be one that a cluster may have.
    pub(super) fn folder(&self, name: &str) -> Result<ClusterFolder> {
        ClusterFolder::new(self.data_dir(), name)
    }

    /// All clusters with what there is of them.
    pub(super) fn all(&self) -> Result<Vec<(ClusterFolder, Standing)>> {
        let folders = ClusterFolder::all(self.data_dir())?;
        let all: Vec<_> =
            folders.into_iter().map(|folder| folder.standing().map(|found| (folder, found))).collect::<Result<_>>()?;
        Ok(all.into_iter().filter(|(_, found)| *found != Standing::Absent).collect())
    }

    /// The way to a cluster that is up, shared with all who only look.
    pub(super) async fn shared(&self, name: &str) -> Result<Arc<Remote>, Problem> {
        if let Some(remote) = self.shared.find(name) {
            return Ok(remote);
        }
        let remote = Arc::new(self.connect(name).await?);
        self.shared.keep(name, &remote);
        Ok(remote)
    }

    /// The answer to a command that changes nothing. It is asked again where the cluster of this name turns out to be
    /// another one by now.
    async fn look(&self, name: &str, command: Command) -> Result<(Arc<Remote>, Reply), Problem> {
        let remote = self.shared(name).await?;
        match remote.call(command.clone()).await {
            Err(_) if remote.is_lost() => {}
            answered => return Ok((remote, answered?)),
        }
        let remote = self.shared(name).await?;
        let reply = remote.call(command).await?;
        Ok((remote, reply))
    }

    /// A cluster's nodes, and the way to it.
    pub(super) async fn status(&self, name: &str) -> Result<(Arc<Remote>, Vec<NodeStatus>), Problem> {
        match self.look(name, Command::Status).await? {
            (remote, Reply::Status(lines)) => Ok((remote, lines)),
            (_, other) => Err(other.odd().into()),
        }
    }

    /// The faults in force in a cluster.
    pub(super) async fn faults(&self, name: &str) -> Result<Vec<FaultInfo>, Problem> {
        match self.look(name, Command::Faults).await? {
            (_, Reply::Faults(faults)) => Ok(faults),
            (_, other) => Err(other.odd().into()),
        }
    }

    /// How many packets a cluster's user-space shaper holds until they are due.
    pub(super) async fn held(&self, name: &str) -> Result<usize, Problem> {
        match self.look(name, Command::Held).await? {
            (_, Reply::Held(held)) => Ok(held),
            (_, other) => Err(other.odd().into()),
        }
    }

    /// A connection of one's own to the cluster of this name, which must be up.
    pub(super) async fn connect(&self, name: &str) -> Result<Remote, Problem> {
        let folder = self.folder(name)?;
        match supervisor::connect(&folder, None).await {
            Ok(connection) => Ok(Remote(connection)),
            Err(error) => Err(match folder.standing()? {
                Standing::Absent => Problem::unknown(&error),
                Standing::Dead => Problem::with(StatusCode::CONFLICT, &error),
                Standing::Busy => Problem::busy(&error),
                Standing::Up => error.into(),
            }),
        }
    }

    /// Removes a cluster.
    pub(super) async fn destroy(&self, name: &str) -> Result<Destroyed, Problem> {
        let folder = self.folder(name)?;
        supervisor::destroy(&folder).await.map_err(|error| match folder.standing() {
            // What could not be removed is there all the same.
            _ if error.kind == ErrorKind::Cleanup => error.into(),
            Ok(Standing::Absent) => Problem::unknown(&error),
            Ok(Standing::Busy) => Problem::busy(&error),
            _ => error.into(),
        })
    }

    /// Ends all chaos programs, and heals what they did. One whose cluster does not answer is not waited for: its faults
    /// end with its session, which ends with this process.
    pub(super) async fn end_chaos(self: Arc<Self>) -> Result<()> {
        let ended = blocking(move || {
            self.programs.end_all();
            Ok(())
        });
        tokio::time::timeout(CHAOS_END_MAX, ended).await.unwrap_or_else(|_| {
            tracing::warn!("chaos is still under way; it ends by itself");
            Ok(())
        })
    }
}

impl Shared {
    fn find(&self, name: &str) -> Option<Arc<Remote>> {
        self.lock().get(name).filter(|remote| !remote.is_lost()).cloned()
    }

    fn keep(&self, name: &str, remote: &Arc<Remote>) {
        let mut remotes = self.lock();
        remotes.retain(|_, remote| !remote.is_lost());
        remotes.insert(name.to_owned(), Arc::clone(remote));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Remote>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what blocks on a thread that may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(crashed(&panic)))
}

fn crashed(panic: &tokio::task::JoinError) -> Error {
    Error::machine(format!("a request crashed: {panic}")).help("this is a bug in blockade")
}

/// A cluster that is up.
pub(super) struct Remote(Connection);

impl Remote {
    pub(super) fn cluster(&self) -> &Cluster {
        &self.0.info.cluster
    }

    /// Which of the clusters that had its name, one after the other: its supervisor's process.
    pub(super) fn life(&self) -> u32 {
        self.0.info.pid
    }

    /// Where its nodes live.
    pub(super) fn runtime(&self) -> &str {
        &self.0.info.runtime
    }

    /// Whether it is gone by now.
    pub(super) fn is_lost(&self) -> bool {
        self.0.port.is_lost()
    }

    pub(super) async fn call(&self, command: Command) -> Result<Reply> {
        self.0.port.call("", command).await
    }

    pub(super) async fn status(&self) -> Result<Vec<NodeStatus>> {
        match self.call(Command::Status).await? {
            Reply::Status(lines) => Ok(lines),
            other => Err(other.odd()),
        }
    }

    /// Takes containers in, and gives their names.
    async fn add(&self, containers: Vec<String>) -> Result<Vec<String>> {
        match self.call(Command::Add { containers }).await? {
            Reply::Added(added) => Ok(added),
            other => Err(other.odd()),
        }
    }

    pub(super) async fn inject(&self, fault: Fault, for_us: Option<u64>) -> Result<FaultInfo> {
        let shapes = matches!(fault, Fault::Degrade { .. });
        let injected = self.fault(Command::Inject { fault, for_us }).await;
        if shapes { injected.map_err(doctor::with_what_shaping_lacks) } else { injected }
    }

    /// Cuts into these groups, in place of the partition in force.
    pub(super) async fn replace(&self, groups: Vec<Vec<String>>, for_us: Option<u64>) -> Result<FaultInfo> {
        self.fault(Command::Replace { fault: Fault::Partition { groups }, for_us }).await
    }

    async fn fault(&self, command: Command) -> Result<FaultInfo> {
        match self.call(command).await? {
            Reply::Fault(info) => Ok(info),
            other => Err(other.odd()),
        }
    }

    /// The faults that were healed.
    pub(super) async fn heal(&self, which: Selection) -> Result<Vec<FaultInfo>> {
        match self.call(Command::Heal { which }).await? {
            Reply::Faults(faults) => Ok(faults),
            other => Err(other.odd()),
        }
    }
}
