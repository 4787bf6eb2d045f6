//! What can be read about the host without changing anything.

use super::mend::Distribution;
use crate::Error;
use crate::agent::Settings;
use crate::runtime::docker::connection;
use std::path::PathBuf;

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

/// What became of a question to Docker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DockerState {
    /// It answers.
    Answers {
        /// Where it listens.
        socket: PathBuf,
        /// Its version, `20.10.24`.
        version: String,
        /// The version of its API that is spoken, `1.41`.
        api: String,
    },
    /// It cannot be used.
    Refuses(Error),
    /// There is no socket: it may not be installed.
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
            docker: docker(),
        }
    }
}

fn docker() -> DockerState {
    let socket = match connection::socket(std::env::var("DOCKER_HOST").ok().as_deref()) {
        Err(error) => return DockerState::Refuses(error),
        Ok(socket) if !socket.exists() => return DockerState::Absent(socket),
        Ok(socket) => socket,
    };
    let answer = connection::ask(async |docker| Ok((docker.version().await, docker.client_version().to_string())));
    match answer {
        Ok((version, api)) => {
            let version = version.ok().and_then(|version| version.version).unwrap_or_else(|| "it".to_owned());
            DockerState::Answers { socket, version, api }
        }
        Err(error) => DockerState::Refuses(error),
    }
}
