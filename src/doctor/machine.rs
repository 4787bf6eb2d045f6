//! What can be read about the host without changing anything.

use super::mend::Distribution;
use crate::agent::Settings;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The host as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The kernel's release, `6.1.0-28-amd64`.
    pub kernel: String,
    /// Whether this process has root's id.
    pub root: bool,
    /// What it lets ordinary users do with namespaces.
    pub settings: Settings,
    /// Whose packages there are.
    pub distribution: Distribution,
    /// Whether Docker answers.
    pub docker: DockerState,
}

/// What became of a knock at Docker's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerState {
    /// Somebody answers there.
    Answers(PathBuf),
    /// The socket may not be used, or nobody answers: the system's own words.
    Refuses(PathBuf, String),
    /// There is no socket.
    Absent(PathBuf),
}

impl Machine {
    /// This one.
    pub fn read() -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        Self {
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            root: rustix::process::geteuid().is_root(),
            settings: Settings::read(),
            distribution: Distribution::of(&release),
            docker: knock(docker_socket(std::env::var("DOCKER_HOST").ok().as_deref())),
        }
    }
}

fn docker_socket(host: Option<&str>) -> PathBuf {
    let named = host.and_then(|host| host.strip_prefix("unix://"));
    PathBuf::from(named.unwrap_or("/var/run/docker.sock"))
}

fn knock(socket: PathBuf) -> DockerState {
    match UnixStream::connect(&socket) {
        Ok(_) => DockerState::Answers(socket),
        Err(error) if is_absent(&error, &socket) => DockerState::Absent(socket),
        Err(error) => DockerState::Refuses(socket, error.to_string()),
    }
}

fn is_absent(error: &std::io::Error, socket: &Path) -> bool {
    error.kind() == std::io::ErrorKind::NotFound && !socket.exists()
}
