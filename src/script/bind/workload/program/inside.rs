//! A workload in a node: its [`holder`](super::holder) is run there as by `exec()`, and what the program prints comes back
//! over a socket in a folder of its own, since a node shares its files with us but not its network.

use super::super::Said;
use super::{AFTER_ITS_END, LINES, greeting, lines};
use crate::engine::{Command, Exec, Job, Reply};
use crate::script::host::Host;
use crate::{Error, Result};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

/// As long as no run takes, where the script says nothing.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Starts it; it ends when nobody listens to it any more, and with its node.
pub(in super::super) fn start(
    host: &Host,
    node: &str,
    argv: &[String],
    timeout: Option<Duration>,
) -> Result<mpsc::Receiver<Said>> {
    let meeting = Meeting::arrange().map_err(|error| Error::machine(format!("cannot hold a workload: {error}")))?;
    let socket = meeting.socket.display().to_string();
    let held = ["blockade", "workload", "--to", &socket, "--"].map(str::to_owned);
    let exec = Exec {
        argv: held.into_iter().chain(argv.iter().cloned()).collect(),
        stdin: String::new(),
        timeout_us: u64::try_from(timeout.unwrap_or(FOR_EVER).as_micros()).unwrap_or(u64::MAX),
    };
    let running = host.begin(Command::Exec { node: node.to_owned(), exec });
    let (say, said) = mpsc::channel(LINES);
    tokio::spawn(async move {
        let heard = tokio::select! {
            () = say.closed() => return,
            heard = hear(meeting, running, &say) => heard,
        };
        // Nobody may listen any more.
        let _ = say.send(heard.unwrap_or_else(Said::Lost)).await;
    });
    Ok(said)
}

/// Hands on line by line; how it ended.
async fn hear(meeting: Meeting, mut running: Job<Reply>, say: &mpsc::Sender<Said>) -> Result<Said> {
    let lost = |error: std::io::Error| Error::machine(format!("a workload got lost: {error}"));
    let (socket, early) = tokio::select! {
        biased;
        came = meeting.listener.accept() => (came.map_err(lost)?.0, None),
        // One that ended at once may have come before it.
        reply = &mut running => match meeting.whoever_waits().map_err(lost)? {
            Some(socket) => (socket, Some(reply)),
            None => return ended(reply?, false),
        },
    };
    drop(meeting);
    let mut held = BufReader::new(socket);
    if let Some(not_started) = greeting(&mut held).await {
        return Ok(not_started);
    }
    let mut listen = std::pin::pin!(lines(&mut held, say));
    let replied = async { if let Some(reply) = early { reply } else { running.await } };
    let mut replied = std::pin::pin!(replied);
    let reply = tokio::select! {
        _all = &mut listen => replied.await,
        reply = &mut replied => {
            let _rest = tokio::time::timeout(AFTER_ITS_END, listen).await;
            reply
        }
    };
    ended(reply?, true)
}

/// What `exec()` says of a program's end. One that ran was held; else nobody could be there to hold it.
fn ended(reply: Reply, ran: bool) -> Result<Said> {
    /// What `exec()` says of a node that is down or paused.
    const NOT_RUN: i32 = 125;
    match reply {
        Reply::Exec(output) if output.timed_out => Ok(Said::Ended(128 + libc::SIGKILL)),
        Reply::Exec(output) if ran || output.code == NOT_RUN => Ok(Said::Ended(output.code)),
        Reply::Exec(output) => {
            Err(Error::machine(format!("no workload can run in the node: {}", output.stderr.trim())).help(
                "its files must be this machine's, as they are with --runtime netns: start it on the host instead",
            ))
        }
        other => Err(other.odd()),
    }
}

/// Where the holder finds us; gone when it has.
struct Meeting {
    listener: UnixListener,
    socket: PathBuf,
}

impl Meeting {
    /// Whoever the node's programs run as must get there, and nobody else: the name cannot be listed, nor guessed.
    fn arrange() -> std::io::Result<Self> {
        let mut random = [0; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
        let name = format!("{:032x}", u128::from_le_bytes(random));
        let folder = std::env::temp_dir().join(format!("blockade-{}", &name[..16]));
        std::fs::create_dir(&folder)?;
        let made = Self::listen(&folder, &name);
        if made.is_err() {
            let _gone = std::fs::remove_dir_all(&folder);
        }
        made
    }

    fn listen(folder: &Path, name: &str) -> std::io::Result<Self> {
        std::fs::set_permissions(folder, Permissions::from_mode(0o711))?;
        let socket = folder.join(name);
        let listener = UnixListener::bind(&socket)?;
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666))?;
        Ok(Self { listener, socket })
    }

    /// Who has come already, as the kernel knows it.
    fn whoever_waits(&self) -> std::io::Result<Option<UnixStream>> {
        match rustix::net::accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => UnixStream::from_std(socket.into()).map(Some),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        if let Some(folder) = self.socket.parent() {
            let _gone = std::fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_has_come_is_there_also_when_nobody_was_told() {
        let meeting = Meeting::arrange().unwrap();
        assert!(meeting.whoever_waits().unwrap().is_none());
        let _who = std::os::unix::net::UnixStream::connect(&meeting.socket).unwrap();
        assert!(meeting.whoever_waits().unwrap().is_some());
        assert!(meeting.whoever_waits().unwrap().is_none());
    }
}
