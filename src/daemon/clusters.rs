//! The way from a request to a cluster's supervisor. Requests that only look share a connection for each cluster; each of
//! the others has one of its own, as a one-shot command has: what it waits for ends when its client goes.

use super::chaos::Programs;
use super::counts::Counts;
use super::errands::{Errands, Limits};
use super::is_over;
use super::problem::Problem;
use crate::cli::place::Place;
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Command, FaultInfo, NodeStatus, Port, Reply, Selection};
use crate::fault::Fault;
use crate::plan::Shaper;
use crate::runtime::{self, Options};
use crate::supervisor::{self, ClusterFolder, Connection, Destroyed, Launch, Standing};
use crate::{Error, ErrorKind, Result, doctor, entropy};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

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

/// A cluster to be brought up.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// The text of its file.
    pub(super) config: String,
    /// The runtime, in the place of what the file says.
    pub(super) kind: Option<RuntimeKind>,
    /// For `${param:NAME}`.
    pub(super) params: BTreeMap<String, String>,
    /// For `${seed}`.
    pub(super) seed: Option<u64>,
    /// Whether containers in the way are replaced.
    pub(super) force: bool,
    /// What alone is to impair links.
    pub(super) shaper: Option<Shaper>,
}

/// What errors call the text of a cluster's file that came in a request.
const BODY: &str = "config";

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
            Err(error) if folder.is_free()? => Err(Problem::unknown(&error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings a cluster up. Once begun it goes on, whether or not somebody waits.
    pub(super) async fn bring_up(self: &Arc<Self>, wanted: Wanted) -> Result<()> {
        let daemon = Arc::clone(self);
        blocking(move || daemon.launch(wanted)).await
    }

    fn launch(&self, wanted: Wanted) -> Result<()> {
        let Wanted { name, config, kind, params, seed, force, shaper } = wanted;
        let folder = self.folder(&name)?;
        let place = Place { name: Some(name), ..self.place.clone() };
        let seed = seed.map_or_else(entropy::fresh_seed, Ok)?;
        let cluster = place.read(&PathBuf::from(BODY), &config, seed, &params, kind)?;
        let kind = kind.unwrap_or_else(|| cluster.runtime_kind());
        let (options, debug) = (Options { force, shaper }, self.place.debug);
        let outcome = self.start(&folder, Launch { cluster: cluster.clone(), kind, params, seed, options, debug });
        // A process that lives on must not keep the subnets of clusters that have them by now, or never will.
        runtime::unreserve(&cluster);
        outcome
    }

    fn start(&self, folder: &ClusterFolder, launch: Launch) -> Result<()> {
        if let Some(shaper) = launch.options.shaper
            && launch.kind != RuntimeKind::Sim
        {
            doctor::can_shape_with(shaper)?;
        }
        let prepared = runtime::prepare(launch.kind, &launch.cluster).and_then(|()| self.goes_on());
        prepared.inspect_err(|error| supervisor::not_started(folder, &launch.cluster, error))?;
        supervisor::start(folder, launch, self.end())
    }

    /// Images may have come for a long time.
    fn goes_on(&self) -> Result<()> {
        if *self.stopped.borrow() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted before the cluster came up"));
        }
        Ok(())
    }

    /// Comes when the daemon is to end: nobody then waits for what is not up yet, and nobody would know that it is.
    fn end(&self) -> impl Future<Output = std::io::Result<()>> + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            is_over(&mut stopped).await;
            Ok(())
        }
    }

    /// Takes containers in; where no cluster of this name is up, into one of such containers alone.
    pub(super) async fn take_in(self: &Arc<Self>, name: &str, containers: Vec<String>) -> Result<Vec<String>, Problem> {
        let folder = self.folder(name)?;
        if !folder.is_free()? {
            return self.connect(name).await?.add(containers).await.map_err(Problem::from);
        }
        // A task of its own: whoever asks may go meanwhile, and a cluster without nodes would stay.
        let work = tokio::spawn(Arc::clone(self).take_into_new(folder, containers));
        work.await.unwrap_or_else(|panic| Err(crashed(&panic).into()))
    }

    async fn take_into_new(
        self: Arc<Self>,
        folder: ClusterFolder,
        containers: Vec<String>,
    ) -> Result<Vec<String>, Problem> {
        let (fresh, debug, end) = (folder.clone(), self.place.debug, self.end());
        blocking(move || supervisor::start_without_nodes(&fresh, debug, end)).await?;
        let added = match self.connect(folder.name()).await {
            Ok(remote) => remote.add(containers).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        if added.is_err() {
            // The error of what was wanted is the one to tell.
            let _removed = supervisor::abandon(&folder).await;
        }
        added
    }

    /// Removes a cluster.
    pub(super) async fn destroy(&self, name: &str) -> Result<Destroyed, Problem> {
        let folder = self.folder(name)?;
        supervisor::destroy(&folder).await.map_err(|error| match folder.is_free() {
            // What could not be removed is there all the same.
            Ok(true) if error.kind != ErrorKind::Cleanup => Problem::unknown(&error),
            _ => error.into(),
        })
    }

    /// Ends all chaos programs, and heals what they did.
    pub(super) async fn end_chaos(self: Arc<Self>) -> Result<()> {
        blocking(move || {
            self.programs.end_all();
            Ok(())
        })
        .await
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
