//! An errand: a command line of somebody on another machine, which the daemon runs here as a process of its own.
//!
//! Its working directory holds what was sent along, and is all that it may read of this machine's files, beside the
//! folders of past runs; programs it starts in nodes only. That is settled once for the process, as a umask is; where
//! texts are read is where it is asked. Files that are written are named by arguments, which were looked at before. It
//! ends with the daemon, however that ends: the daemon's lock on the file of its output is a leash.
//!
//! Touches its own file, that lock, and the process's place in the queue of those that the kernel ends when memory is
//! short.

use crate::text::without_dots;
use crate::{Error, Result, journal, platform};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What the daemon decides for the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    /// Where clusters and runs keep their files, absolute.
    pub data_dir: PathBuf,
    /// The cluster's name where the arguments give none.
    pub name: Option<String>,
    /// The folder of the run, the replay or the soak, whatever the arguments say.
    pub out: Option<PathBuf>,
    /// What `${env:NAME}` in cluster files stand for.
    pub env: BTreeMap<String, String>,
    /// Whether it may start programs of this machine outside its nodes.
    pub host_commands: bool,
}

/// What its process says, beside its own file. Whoever attends to it holds a lock on this, and writes it.
pub const OUTPUT: &str = "output.jsonl";

/// The one that this process is.
static CURRENT: OnceLock<Errand> = OnceLock::new();
/// Says for as long as the process lives that it does: locked.
static ALIVE: OnceLock<File> = OnceLock::new();

/// Makes this process the errand that a file of the daemon's describes. To be called first of all.
pub fn begin(path: &Path) -> Result<()> {
    let cannot =
        |error: &dyn std::fmt::Display| Error::machine(format!("this is no errand: {}: {error}", path.display()));
    let mut file = File::open(path).map_err(|error| cannot(&error))?;
    file.lock().map_err(|error| cannot(&error))?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| cannot(&error))?;
    let errand: Errand = serde_json::from_str(&text).map_err(|error| cannot(&error))?;
    let leash = File::open(path.with_file_name(OUTPUT)).map_err(|error| cannot(&error))?;
    std::thread::spawn(move || end_with_the_leash(&leash));
    journal::for_its_owner();
    // Where memory ends, this process and its nodes go before the daemon.
    platform::go_first();
    let (_first, _only) = (ALIVE.set(file), CURRENT.set(errand));
    Ok(())
}

/// The errand that this process is; none where a local user has started it.
pub fn current() -> Option<&'static Errand> {
    CURRENT.get()
}

/// The daemon lets go of it when the daemon ends.
fn end_with_the_leash(leash: &File) {
    let _theirs_no_more = leash.lock_shared();
    platform::end();
}

/// Whether this process may read or write the file at this path, which a person or a script named. A local user's may.
pub fn may_touch(path: &Path) -> std::io::Result<()> {
    let Some(errand) = current() else { return Ok(()) };
    let here = std::env::current_dir()?;
    let rooms = [here, errand.data_dir.join("runs"), errand.data_dir.join("soak")];
    if is_within(path, &rooms) {
        return Ok(());
    }
    let message = "it lies outside of what was sent here, and a remote user's command reads no other file";
    Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, message))
}

/// Whether a path leads into one of these folders, which are absolute, as it is written and as its links lead.
fn is_within(path: &Path, rooms: &[PathBuf]) -> bool {
    let Ok(absolute) = std::path::absolute(path) else { return false };
    let written = without_dots(&absolute);
    let as_written = rooms.iter().any(|room| written.starts_with(without_dots(room)));
    // What is not there leads nowhere yet.
    let real = absolute.canonicalize().ok();
    let real_rooms = || rooms.iter().filter_map(|room| room.canonicalize().ok());
    as_written && real.is_none_or(|real| real_rooms().any(|room| real.starts_with(room)))
}

/// Whether this process may start a program on this machine itself.
pub fn may_start_on_host(what: &str) -> Result<()> {
    if current().is_none_or(|errand| errand.host_commands) {
        return Ok(());
    }
    Err(Error::usage(format!("{what} would start a program on the daemon's machine, outside of the nodes"))
        .help("name a node to start it in, or let the daemon be started with --allow-host-commands"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_left_neither_by_dots_nor_by_a_link_nor_by_a_likeness_of_names() {
        let place = tempfile::tempdir().unwrap();
        let room = place.path().join("room");
        std::fs::create_dir(&room).unwrap();
        std::fs::write(room.join("a"), "").unwrap();
        std::fs::write(place.path().join("secret"), "").unwrap();
        std::fs::create_dir(place.path().join("room2")).unwrap();
        std::os::unix::fs::symlink("../secret", room.join("link")).unwrap();
        std::os::unix::fs::symlink("..", room.join("up")).unwrap();
        let within = |path: &str| is_within(&room.join(path), std::slice::from_ref(&room));
        assert!(within("a") && within("new") && within("./a") && within("sub/../a") && within(""));
        for other in ["../secret", "link", "up/secret", "../room2/a", "../nothing", "/etc/passwd", "up/room2"] {
            assert!(!within(other), "{other}");
        }
    }
}
