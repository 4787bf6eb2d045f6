//! Starting an agent: as a child where we have the rights it needs, else in a helper container of the daemon's, which
//! connects to a socket of ours.

use super::error::{self, Explained};
use super::gate::Gate;
use super::inspect;
use super::labels::Labels;
use super::remove::is_at_work;
use crate::agent::{Agent, Notifications, helper_arguments};
use crate::{Error, Result};
use bollard::Docker;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};

/// `container`: a helper container even where a child would do.
const CHOICE: &str = "BLOCKADE_AGENT";
/// How long a helper may take to connect once its container was started.
const CONNECTS_WITHIN: Duration = Duration::from_secs(20);
/// How often to see whether it has died instead.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long the former helper, which removes itself, may stand in the way.
const FORMER_TRIES: u32 = 50;

/// The helper's body, for these arguments and this socket of ours.
pub(super) type Body = dyn Fn(&[String], &Path) -> ContainerCreateBody + Send + Sync;

/// Where agents come from.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) docker: Docker,
    pub(super) gate: Gate,
    pub(super) name: String,
    pub(super) body: Arc<Body>,
}

impl Origin {
    /// Starts an agent.
    pub(super) async fn launch(&self) -> Result<(Agent, Notifications)> {
        if may_be_a_child().await { Agent::launch_host().await } else { self.launch_helper().await }
    }

    async fn launch_helper(&self) -> Result<(Agent, Notifications)> {
        // Where the daemon has just ended, and the former helper with it, it will be back.
        while !self.gate.is_closed() && self.docker.ping().await.is_err() {
            tokio::time::sleep(INTERVAL).await;
        }
        let den = Den::new()?;
        let listener = den.listen()?;
        let arguments: Vec<String> =
            helper_arguments(&den.socket()).iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let body = (self.body)(&arguments, &den.socket());
        let id = self.create(body).await?;
        let docker = self.docker.clone();
        let starting = id.clone();
        let start = async move {
            docker.start_container(&starting, None).await.or_cannot(|| "start the helper container".to_owned())
        };
        self.gate.pass(start).await?;
        let connected = tokio::select! {
            stream = listener.accept() => stream.map(|(stream, _)| stream).map_err(|error| cannot("hear the helper", &error)),
            end = self.end(&id) => Err(end),
            () = tokio::time::sleep(CONNECTS_WITHIN) => Err(Error::machine("the helper container does not connect")),
        };
        match connected {
            Ok(stream) => tokio::time::timeout(CONNECTS_WITHIN, Agent::accept(stream))
                .await
                .unwrap_or_else(|_| Err(Error::machine("the helper container connects and says nothing"))),
            Err(error) => {
                let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
                // It removes itself at its end, too.
                let _ = self.docker.remove_container(&id, Some(options)).await;
                Err(error)
            }
        }
    }

    /// Creates the helper's container. The one before it may be about to go.
    async fn create(&self, body: ContainerCreateBody) -> Result<String> {
        let options = CreateContainerOptions { name: Some(self.name.clone()), ..CreateContainerOptions::default() };
        for tries in 1.. {
            let (docker, options, body) = (self.docker.clone(), options.clone(), body.clone());
            let create = async move { Ok(docker.create_container(Some(options), body).await) };
            match self.gate.pass(create).await? {
                Err(refusal) if error::is_conflict(&refusal) && tries < FORMER_TRIES => {
                    self.make_way().await?;
                    tokio::time::sleep(INTERVAL / 5).await;
                }
                created => return Ok(created.or_cannot(|| "create the helper container".to_owned())?.id),
            }
        }
        unreachable!("the loop ends with a return")
    }

    /// Removes a helper of the same blockade: one of ours that is at its end, or that a dead runner has left.
    async fn make_way(&self) -> Result<()> {
        let Some(look) = inspect::container(&self.docker, &self.name).await? else { return Ok(()) };
        let labels = look.raw.config.and_then(|config| config.labels).unwrap_or_default();
        if let Some(owner) = Labels::of(&labels).map(|labels| labels.owner).filter(|owner| is_at_work(*owner)) {
            return Err(Error::machine(format!("process {} is bringing up a cluster of the same name", owner.pid)));
        }
        let options = RemoveContainerOptions { force: true, ..RemoveContainerOptions::default() };
        // It may be gone by now, and if not, the next try tells.
        let _ = self.docker.remove_container(&self.name, Some(options)).await;
        Ok(())
    }

    /// Returns, with the reason, when the helper has ended.
    async fn end(&self, id: &str) -> Error {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let state = self.docker.inspect_container(id, None).await.map(|found| found.state.unwrap_or_default());
            match state {
                Ok(state) if state.running == Some(true) => {}
                Ok(state) => {
                    let code = state.exit_code.unwrap_or_default();
                    let why = state.error.filter(|text| !text.is_empty()).unwrap_or(format!("exit code {code}"));
                    return Error::machine(format!("the helper container has ended at once: {why}"));
                }
                Err(refusal) => return error::explain("watch the helper container", &refusal),
            }
        }
    }
}

/// Whether a child of ours could enter the containers' namespaces: it would have to be root with the rights that this
/// takes, and in the daemon's pid namespace.
async fn may_be_a_child() -> bool {
    std::env::var_os(CHOICE).is_none_or(|choice| choice != "container")
        && rustix::process::geteuid().is_root()
        && has_rights()
        && sees_the_daemon().await
}

fn has_rights() -> bool {
    /// CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_PTRACE, CAP_SYS_ADMIN, as bits of `/proc/PID/status`.
    const NEEDED: u64 = 1 << 12 | 1 << 13 | 1 << 19 | 1 << 21;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let rights = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    rights & NEEDED == NEEDED
}

/// A process of another pid namespace has the id 0 here.
async fn sees_the_daemon() -> bool {
    let Ok(socket) = super::connection::socket(std::env::var("DOCKER_HOST").ok().as_deref()) else { return false };
    let peer = UnixStream::connect(socket).await.and_then(|stream| stream.peer_cred());
    peer.is_ok_and(|peer| peer.pid().is_some_and(|pid| pid != 0))
}

/// A folder that only we can enter, for a socket that anybody could write to.
struct Den(PathBuf);

impl Den {
    fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            // A path with a socket in it may be 107 bytes long.
            let path = std::env::temp_dir().join(format!("blockade-{}-{count}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Of a dead process that had our id.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(cannot(&format!("create {}", path.display()), &error)),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.0.join("agent")
    }

    /// Root without the right to overrule permissions has to be able to write to it.
    fn listen(&self) -> Result<UnixListener> {
        let listener = UnixListener::bind(self.socket()).and_then(|listener| {
            std::fs::set_permissions(self.socket(), std::fs::Permissions::from_mode(0o666)).map(|()| listener)
        });
        listener.map_err(|error| cannot(&format!("listen at {}", self.socket().display()), &error))
    }
}

impl Drop for Den {
    fn drop(&mut self) {
        // Connections outlive it. What cannot be removed lies in the folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn cannot(what: &str, error: &std::io::Error) -> Error {
    Error::machine(format!("cannot {what}: {error}"))
}
