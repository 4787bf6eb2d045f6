//! The way to the daemon: a Unix socket, because the daemon must be on this host, where the nodes' namespaces are.

use super::error;
use crate::{Error, Result};
use bollard::{API_DEFAULT_VERSION, Docker};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Where the daemon listens unless `DOCKER_HOST` says otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// How long the daemon may take for one answer, seconds. Starting a container on a loaded machine takes its time.
const ANSWER_WITHIN_S: u64 = 120;
/// How long it may take to say which version it speaks, which costs it nothing.
const GREETING_WITHIN: Duration = Duration::from_secs(20);
/// The oldest version of the API that is spoken: Docker 20.10.
const OLDEST_API: (usize, usize) = (1, 41);

/// A connection to this host's daemon, in the newest version of the API that both sides speak.
pub async fn connect() -> Result<Docker> {
    let socket = socket(std::env::var("DOCKER_HOST").ok().as_deref())?;
    knock(&socket).await?;
    let cannot = |refusal| error::explain(format!("talk to Docker on {}", socket.display()), &refusal);
    let docker = Docker::connect_with_unix(&socket.to_string_lossy(), ANSWER_WITHIN_S, API_DEFAULT_VERSION);
    let greeting = docker.map_err(cannot)?.negotiate_version();
    let docker = tokio::time::timeout(GREETING_WITHIN, greeting).await;
    let docker = docker.unwrap_or(Err(bollard::errors::Error::RequestTimeoutError)).map_err(cannot)?;
    let version = docker.client_version();
    new_enough((version.major_version, version.minor_version)).map(|()| docker)
}

/// Asks the daemon from a thread that may wait, whether it belongs to a runtime of tokio's or not.
pub fn ask<T, F>(question: impl FnOnce(Docker) -> F + Send) -> Result<T>
where
    T: Send,
    F: Future<Output = Result<T>>,
{
    let work = || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let tokio = tokio.map_err(|error| Error::machine(format!("cannot wait for Docker: {error}")))?;
        tokio.block_on(async { question(connect().await?).await })
    };
    let answer = std::thread::scope(|scope| scope.spawn(work).join());
    answer.unwrap_or_else(|_| Err(Error::machine("a question to Docker crashed")))
}

/// The socket that `DOCKER_HOST` names, else the usual one.
pub fn socket(host: Option<&str>) -> Result<PathBuf> {
    match host.filter(|host| !host.is_empty()) {
        None => Ok(PathBuf::from(SOCKET)),
        Some(host) => host.strip_prefix("unix://").map(PathBuf::from).ok_or_else(|| {
            Error::machine(format!("DOCKER_HOST is {host}: blockade needs a Docker daemon on this very host"))
                .help("its faults are rules in the containers' namespaces, which only their own host has: run blockade there, or unset DOCKER_HOST")
        }),
    }
}

/// Whether anybody answers at the socket, in the system's own words: Docker's library has one text for all of them.
async fn knock(socket: &Path) -> Result<()> {
    UnixStream::connect(socket).await.map(drop).map_err(|error| unreachable(socket, &error))
}

fn unreachable(socket: &Path, error: &std::io::Error) -> Error {
    let socket = socket.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            let how = if error.kind() == ErrorKind::NotFound { "there is no" } else { "nobody answers at" };
            Error::machine(format!("Docker is not running: {how} {socket}"))
                .help("start it with `sudo systemctl start docker`; where it listens elsewhere, set DOCKER_HOST")
        }
        ErrorKind::PermissionDenied => Error::machine(format!("no permission to use Docker's socket {socket}"))
            .help("join its group with `sudo usermod -aG docker $USER` and log in anew, or run blockade as root"),
        _ => Error::machine(format!("cannot connect to Docker's socket {socket}: {error}")),
    }
}

fn new_enough(version: (usize, usize)) -> Result<()> {
    if version >= OLDEST_API {
        return Ok(());
    }
    let ((major, minor), (oldest_major, oldest_minor)) = (version, OLDEST_API);
    Err(Error::machine(format!(
        "this Docker speaks version {major}.{minor} of its API, and blockade needs {oldest_major}.{oldest_minor}"
    ))
    .help("install Docker 20.10 or newer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_names_a_socket_of_this_host() {
        let path = |host| socket(host).map(|path| path.display().to_string());
        assert_eq!(path(None).unwrap(), "/var/run/docker.sock");
        assert_eq!(path(Some("")).unwrap(), "/var/run/docker.sock");
        assert_eq!(path(Some("unix:///run/user/1000/docker.sock")).unwrap(), "/run/user/1000/docker.sock");
        insta::assert_snapshot!(path(Some("tcp://10.0.0.7:2376")).unwrap_err(), @"DOCKER_HOST is tcp://10.0.0.7:2376: blockade needs a Docker daemon on this very host (its faults are rules in the containers' namespaces, which only their own host has: run blockade there, or unset DOCKER_HOST)");
    }

    #[test]
    fn a_daemon_that_does_not_answer_is_told_with_its_mend() {
        let text = |kind: ErrorKind| unreachable(Path::new("/var/run/docker.sock"), &kind.into()).to_string();
        insta::assert_snapshot!(text(ErrorKind::NotFound), @"Docker is not running: there is no /var/run/docker.sock (start it with `sudo systemctl start docker`; where it listens elsewhere, set DOCKER_HOST)");
        insta::assert_snapshot!(text(ErrorKind::ConnectionRefused), @"Docker is not running: nobody answers at /var/run/docker.sock (start it with `sudo systemctl start docker`; where it listens elsewhere, set DOCKER_HOST)");
        insta::assert_snapshot!(text(ErrorKind::PermissionDenied), @"no permission to use Docker's socket /var/run/docker.sock (join its group with `sudo usermod -aG docker $USER` and log in anew, or run blockade as root)");
        insta::assert_snapshot!(text(ErrorKind::TimedOut), @"cannot connect to Docker's socket /var/run/docker.sock: timed out");
    }

    #[test]
    fn an_api_that_is_too_old_is_told_with_the_version_that_is_not() {
        assert!(new_enough((1, 41)).is_ok() && new_enough((2, 0)).is_ok());
        insta::assert_snapshot!(new_enough((1, 40)).unwrap_err(), @"this Docker speaks version 1.40 of its API, and blockade needs 1.41 (install Docker 20.10 or newer)");
    }
}
