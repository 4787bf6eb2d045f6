//! Where the daemon listens: a Unix socket for its user or a group, or an address.
//!
//! Touches the socket's file and whose it is. Must be called before there are threads: a socket is nobody else's from
//! its first moment, by the mask of the process.

use crate::{Error, Result};
use rustix::fs::{FlockOperation, Mode, flock};
use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;

/// The socket's name within the data folder.
const SOCKET: &str = "daemon.sock";

/// What is listened on.
#[derive(Debug)]
pub(super) enum Listener {
    /// A socket that its file's mode guards.
    Unix(Socket),
    /// An address, and what TLS needs where it is spoken there.
    Tcp(TcpListener, Option<Arc<ServerConfig>>),
}

/// A Unix socket, whose file goes with it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _only_one: File,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Where it can be reached.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Unix(socket) => format!("unix:{}", socket.path.display()),
            Self::Tcp(listener, tls) => {
                let scheme = if tls.is_some() { "https" } else { "http" };
                listener.local_addr().map_or_else(|error| error.to_string(), |address| format!("{scheme}://{address}"))
            }
        }
    }
}

/// Listens in the data folder. One daemon at a time does.
pub(super) fn on_socket(data_dir: &Path, group: Option<&str>) -> Result<Listener> {
    let group = group.map(group_id).transpose()?;
    let path = data_dir.join(SOCKET);
    let cannot = |error: std::io::Error| {
        Error::machine(format!("cannot listen on {}: {error}", path.display()))
            .help("the data folder must be writable, and its path short; name another one with --data-dir")
    };
    std::fs::create_dir_all(data_dir).map_err(cannot)?;
    let only_one = File::open(data_dir).map_err(cannot)?;
    if flock(&only_one, FlockOperation::NonBlockingLockExclusive).is_err() {
        let message = format!("a daemon listens on {} already", path.display());
        return Err(Error::usage(message).help("one is enough for all clusters of a data folder; stop it with SIGTERM"));
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(&path);
    rustix::process::umask(mask);
    let socket = Socket { listener: listener.map_err(cannot)?, path: path.clone(), _only_one: only_one };
    if let Some(group) = group {
        std::os::unix::fs::chown(&path, None, Some(group)).map_err(cannot)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).map_err(cannot)?;
    }
    Ok(Listener::Unix(socket))
}

/// Listens on an address.
pub(super) fn on_address(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let help = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there, a daemon perhaps: end it, or choose another port",
            ErrorKind::AddrNotAvailable => "it is none of this machine's addresses, which `ip address` lists",
            ErrorKind::PermissionDenied => "choose a port from 1024 on, or run as root",
            _ => "choose another address with --listen",
        };
        Error::machine(format!("cannot listen on {address}: {error}")).help(help)
    })
}

/// A group's number, by its name in `/etc/group` or as it is.
fn group_id(group: &str) -> Result<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let named = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut named = named.filter(|fields| fields.first() == Some(&group));
    let number = named.next().and_then(|fields| fields.get(2)?.parse().ok()).or_else(|| group.parse().ok());
    number.ok_or_else(|| Error::usage(format!("there is no group `{group}`")).help("see --group, and /etc/group"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_socket_is_for_its_user_or_for_a_group_and_takes_the_place_of_a_dead_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SOCKET);
        std::fs::write(&path, "left by the dead").unwrap();
        let mode = || std::fs::metadata(&path).unwrap().mode() & 0o777;
        let first = on_socket(folder.path(), None).unwrap();
        assert_eq!(mode(), 0o600);
        assert_eq!(on_socket(folder.path(), None).unwrap_err().kind.exit_code(), 2);
        drop(first);
        assert!(!path.exists());
        let own = rustix::process::getegid().as_raw().to_string();
        let _second = on_socket(folder.path(), Some(&own)).unwrap();
        assert_eq!((mode(), std::fs::metadata(&path).unwrap().gid().to_string()), (0o660, own));
        assert!(on_socket(folder.path(), Some("no-such-group")).is_err());
    }

    #[test]
    fn an_address_that_is_taken_or_of_another_machine_says_what_to_do() {
        let first = on_address("127.0.0.1:0".parse().unwrap()).unwrap();
        let help = |address: SocketAddr| on_address(address).unwrap_err().help.unwrap();
        assert!(help(first.local_addr().unwrap()).contains("another port"));
        // Kept free for documents: nobody's.
        assert!(help("192.0.2.1:5000".parse().unwrap()).contains("none of this machine's"));
    }
}
