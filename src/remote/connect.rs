//! The way to a daemon: a socket here, an address in plain text, or one behind TLS. One stream for each request.
//!
//! Touches the network.

use super::failure::Failure;
use super::host::Host;
use super::tls;
use crate::{Error, Result};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// How long one address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be spoken over.
pub(super) trait Speak: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Speak for S {}

/// A stream to a daemon.
pub(super) type Stream = Box<dyn Speak>;

/// Refuses to say a token where others may hear it.
pub(super) fn check(host: &Host, insecure: bool) -> Result<()> {
    if !host.is_in_the_open() || insecure {
        return Ok(());
    }
    Err(Error::usage(format!("{host} is beyond this machine: token and traffic would travel in plain text"))
        .help("write https://, or say --insecure where the network is trusted"))
}

/// Connects; an address behind TLS as `tls` says.
pub(super) async fn connect(host: &Host, tls: Option<&Arc<ClientConfig>>) -> Result<Stream, Failure> {
    match host {
        Host::Unix(path) => local(path).await,
        Host::Tcp { name, port, .. } => {
            let stream = dial(host, name, *port).await?;
            // Small requests one after another: none waits for the acknowledgement of the one before.
            let _slower_without = stream.set_nodelay(true);
            match tls {
                None => Ok(Box::new(stream)),
                Some(config) => {
                    let private = tls::connect(stream, name, Arc::clone(config)).await;
                    private.map(|stream| Box::new(stream) as Stream).map_err(Failure::Way)
                }
            }
        }
    }
}

/// The first of the machine's addresses that answers.
async fn dial(host: &Host, name: &str, port: u16) -> Result<TcpStream, Failure> {
    let found = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|error| Failure::Way(unknown(name, &error)))?.collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(Failure::Way(unreachable(host, &last)))
}

fn unknown(name: &str, error: &io::Error) -> Error {
    Error::machine(format!("there is no machine `{name}`: {error}"))
        .help("look at --host and BLOCKADE_HOST, or name its address")
}

fn unreachable(host: &Host, error: &io::Error) -> Error {
    let (why, help) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "nobody listens there".to_owned(),
            "start `blockade daemon --listen ADDR` on that machine, or look at the port",
        ),
        io::ErrorKind::TimedOut => (
            format!("no answer within {} s", PATIENCE.as_secs()),
            "look whether the machine is up, and whether a firewall is in the way",
        ),
        _ => (error.to_string(), "look at the network, and at --host"),
    };
    Error::machine(format!("cannot reach the daemon at {host}: {why}")).help(help)
}

#[cfg(unix)]
async fn local(path: &Path) -> Result<Stream, Failure> {
    let stream = tokio::net::UnixStream::connect(path).await;
    stream.map(|stream| Box::new(stream) as Stream).map_err(|error| Failure::Way(no_socket(path, &error)))
}

#[cfg(unix)]
fn no_socket(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    let (why, help) = match error.kind() {
        io::ErrorKind::NotFound => (
            format!("there is no socket {shown}"),
            "start `blockade daemon`, which makes daemon.sock in its data folder",
        ),
        io::ErrorKind::ConnectionRefused => {
            (format!("nobody listens on {shown}"), "its daemon has ended: start `blockade daemon` again")
        }
        io::ErrorKind::PermissionDenied => {
            (format!("{shown} is not for this user"), "`blockade daemon --group GROUP` lets a group in")
        }
        _ => (format!("{shown}: {error}"), "look at --host"),
    };
    Error::machine(format!("cannot reach the daemon: {why}")).help(help)
}

#[cfg(not(unix))]
async fn local(path: &Path) -> Result<Stream, Failure> {
    let error = Error::usage(format!("unix://{}: this system's sockets are not reached", path.display()));
    Err(Failure::Here(error.help("name an address, as in https://box:5000")))
}
