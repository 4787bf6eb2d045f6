//! The folder of a cluster that is up: `<data-dir>/clusters/<name>/`, and who may touch it.
//!
//! The lock in it is held from before anything is created until after everything is gone, by whichever process is
//! responsible at the moment. A lock that can be taken therefore means: what lies here is of the dead.

use super::audit::Audit;
use super::state::State;
use crate::cluster::check_name;
use crate::{Error, ErrorKind, Result};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::File;
use std::io::ErrorKind as Io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK: &str = "lock";
const SOCKET: &str = "control.sock";
const STATE: &str = "state.json";
/// A claim meets a folder that is being removed only in passing.
const CLAIM_TRIES: u32 = 20;
/// Who only looks at what a dead one left is done with it by then.
const LOOK_MAX: Duration = Duration::from_millis(100);

/// Where a cluster that is up keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFolder {
    name: String,
    path: PathBuf,
}

/// The right to everything in a folder, for as long as the file is open in any process.
#[derive(Debug)]
pub(super) struct Claim(pub(super) File);

/// What there is of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is up.
    Up,
    /// It is being brought up or removed.
    Busy,
    /// Its supervisor did not come to its end.
    Dead,
    /// Nothing.
    Absent,
}

/// Who answers in a folder.
pub(super) enum Reached {
    /// A supervisor.
    Supervisor(UnixStream),
    /// Nobody: there is no such cluster.
    Nobody,
    /// Nobody any more: the supervisor did not come to its end.
    Dead(Option<State>),
    /// Nobody yet, or nobody any more: the cluster is being brought up or removed.
    Busy,
}

impl ClusterFolder {
    /// The folder of the cluster of this name. Touches nothing.
    pub fn new(data_dir: &Path, name: &str) -> Result<Self> {
        check_name(name)?;
        let clusters =
            std::path::absolute(data_dir.join("clusters")).map_err(|error| cannot("find", data_dir, &error))?;
        if clusters.to_str().is_none() {
            let message = format!("the data folder {} has a name that is not UTF-8", data_dir.display());
            return Err(
                Error::usage(message).help("a cluster that stays up needs one that is; name it with --data-dir")
            );
        }
        Ok(Self { name: name.to_owned(), path: clusters.join(name) })
    }

    /// The folders of all clusters that are up, coming up or dead, by name.
    pub fn all(data_dir: &Path) -> Result<Vec<Self>> {
        let clusters = data_dir.join("clusters");
        let entries = match std::fs::read_dir(&clusters) {
            Ok(entries) => entries,
            Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot("read", &clusters, &error)),
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut folders: Vec<Self> = names.filter_map(|name| Self::new(data_dir, &name).ok()).collect();
        folders.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(folders)
    }

    /// What there is of the cluster of this name.
    pub fn standing(&self) -> Result<Standing> {
        Ok(match self.reach()? {
            Reached::Supervisor(_) => Standing::Up,
            Reached::Nobody => Standing::Absent,
            Reached::Dead(_) => Standing::Dead,
            Reached::Busy => Standing::Busy,
        })
    }

    /// The journal of the cluster that is up, which goes with it.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster's audit trail. It lies outside of the folder and stays when that is removed.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let data_dir = self.path.ancestors().nth(2).unwrap_or(&self.path);
        Audit::new(data_dir.join("audit").join(format!("{}.jsonl", self.name)))
    }

    /// Whether no cluster of this name is up, coming up or dead.
    pub fn is_free(&self) -> Result<bool> {
        Ok(matches!(self.reach()?, Reached::Nobody))
    }

    /// Whether a cluster of this name is up.
    pub fn is_up(&self) -> Result<bool> {
        Ok(matches!(self.reach()?, Reached::Supervisor(_)))
    }

    /// Creates the folder and takes its lock; `None` if another process has it.
    pub(super) fn claim(&self) -> Result<Option<Claim>> {
        for _ in 0..CLAIM_TRIES {
            std::fs::create_dir_all(&self.path).map_err(|error| cannot("create", &self.path, &error))?;
            match self.try_lock() {
                Ok(Some(claim)) if self.is_current(&claim) => return Ok(Some(claim)),
                // Who answers has it, and keeps it.
                Ok(None) if self.is_up()? => return Ok(None),
                // Another one has it, or only looks.
                Ok(None) => std::thread::sleep(LOOK_MAX / CLAIM_TRIES),
                // Removed between two of our steps, by one who had it before us.
                Ok(Some(_)) => {}
                Err(error) if error.kind() == Io::NotFound => {}
                Err(error) => return Err(cannot("lock", &self.path, &error)),
            }
        }
        Ok(None)
    }

    fn try_lock(&self) -> std::io::Result<Option<Claim>> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(self.path.join(LOCK))?;
        let is_ours = locked(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(is_ours.then_some(Claim(file)))
    }

    /// The right to read what the dead left, beside others who look; `None` if somebody is responsible.
    fn try_look(&self) -> std::io::Result<Option<File>> {
        let file = File::open(self.path.join(LOCK))?;
        let is_ours = locked(&file, FlockOperation::NonBlockingLockShared)?;
        Ok(is_ours.then_some(file))
    }

    /// Whether the locked file is still the one in the folder.
    fn is_current(&self, claim: &Claim) -> bool {
        let ours = claim.0.metadata().map(|meta| (meta.dev(), meta.ino()));
        let there = std::fs::metadata(self.path.join(LOCK)).map(|meta| (meta.dev(), meta.ino()));
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    /// Removes what a dead supervisor left. Only for who holds the claim.
    pub(super) fn clear(&self, _: &Claim) -> Result<()> {
        let entries = std::fs::read_dir(&self.path).map_err(|error| cannot("read", &self.path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", &self.path, &error))?;
            if entry.file_name() != LOCK {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let path = entry.path();
                let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
                removed.map_err(|error| cannot("remove", &path, &error))?;
            }
        }
        Ok(())
    }

    /// Removes the folder, and those above it that are of no use without it. Only for who holds the claim.
    /// One that is removed already, and perhaps another's by now, is left alone.
    pub(super) fn remove(&self, claim: &Claim) -> Result<()> {
        if !self.is_current(claim) {
            return Ok(());
        }
        self.clear(claim)?;
        let lock = self.path.join(LOCK);
        std::fs::remove_file(&lock).map_err(|error| cannot("remove", &lock, &error))?;
        // Fails where somebody brings up the next cluster of this name or another one: then it is no longer ours.
        let above = self.path.ancestors().take(3);
        let _first_in_use = above.map(std::fs::remove_dir).find(Result::is_err);
        Ok(())
    }

    /// Looks who answers for this cluster.
    pub(super) fn reach(&self) -> Result<Reached> {
        match self.with_socket(connected) {
            Ok(stream) => return Ok(Reached::Supervisor(stream)),
            // So many wait already that it must have hung for a long time.
            Err(error) if error.kind() == Io::WouldBlock => return Ok(Reached::Busy),
            Err(error) if matches!(error.kind(), Io::NotFound | Io::ConnectionRefused) => {}
            Err(error) => return Err(cannot("connect to", &self.path.join(SOCKET), &error)),
        }
        match self.try_look() {
            Ok(Some(_look)) => Ok(Reached::Dead(self.state())),
            Ok(None) => Ok(Reached::Busy),
            Err(error) if error.kind() == Io::NotFound => Ok(Reached::Nobody),
            Err(error) => Err(cannot("look at", &self.path, &error)),
        }
    }

    /// Opens the socket on which the supervisor answers, for its user alone.
    pub(super) fn listen(&self) -> Result<UnixListener> {
        let path = self.path.join(SOCKET);
        // Nobody may connect between the bind and a later chmod; the mask is the process's, which has one thread yet.
        let mask = rustix::process::umask(Mode::from_raw_mode(0o177));
        let listener = self.with_socket(|socket| UnixListener::bind(socket));
        rustix::process::umask(mask);
        listener.map_err(|error| cannot("listen on", &path, &error))
    }

    /// Unix socket addresses end at 108 bytes, folders may lie deeper: the way leads through the opened folder.
    fn with_socket<T>(&self, act: impl FnOnce(&Path) -> std::io::Result<T>) -> std::io::Result<T> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder: OwnedFd = rustix::fs::open(&self.path, flags, Mode::empty())?;
        act(Path::new(&format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd())))
    }

    /// Writes the state for whoever comes later. Only for who holds the claim.
    pub(super) fn write_state(&self, state: &State) -> Result<()> {
        let path = self.path.join(STATE);
        state.write(&path).map_err(|error| cannot("write", &path, &error))
    }

    /// There is nothing to work on.
    pub(super) fn nobody(&self) -> Error {
        Error::usage(format!("no cluster `{}` is up", self.name)).help("`blockade up` starts it")
    }

    /// Somebody holds the lock and does not answer.
    pub(super) fn busy(&self) -> Error {
        Error::machine(format!("the cluster `{}` is just being brought up or removed", self.name))
            .help("try again in a moment")
    }

    /// The supervisor is there, and says nothing.
    pub(super) fn silent(&self) -> Error {
        let process = self.state().map(|state| format!(" (process {})", state.pid)).unwrap_or_default();
        Error::machine(format!("the supervisor of the cluster `{}`{process} does not answer", self.name))
            .help("is it stopped? SIGCONT lets it go on; after SIGKILL `blockade destroy` removes what is left")
    }

    /// The supervisor went away in the middle of a conversation.
    pub(super) fn lost(&self) -> Error {
        match self.state() {
            Some(state) => self.dead(Some(&state)),
            None => Error::machine(format!("the cluster `{}` was removed meanwhile", self.name)),
        }
    }

    /// What a dead supervisor wrote down.
    pub(super) fn state(&self) -> Option<State> {
        State::read(&self.path.join(STATE))
    }

    /// The supervisor has come to a bad end.
    pub(super) fn dead(&self, state: Option<&State>) -> Error {
        let stands = state.is_some_and(State::outlives);
        let nodes = if stands {
            "its links are whole, its containers stand as it left them"
        } else {
            "its nodes are gone with it"
        };
        let cause = match state {
            Some(State { died: Some(cause), .. }) => cause.clone(),
            Some(State { pid, .. }) => format!("its supervisor (process {pid}) is gone; {nodes}"),
            None => format!("its supervisor is gone; {nodes}"),
        };
        let left = if stands { "its containers and files" } else { "its files" };
        Error::machine(format!("the cluster `{}` has died: {cause}", self.name))
            .help(format!("`blockade up` starts it anew, `blockade destroy` removes {left}"))
    }
}

/// Whether the lock could be had.
fn locked(file: &File, how: FlockOperation) -> std::io::Result<bool> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// A connection to this socket, which does not block: not for a moment, since async tasks ask for it.
fn connected(socket: &Path) -> std::io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket)?)?;
    Ok(stream.into())
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Error {
    let kind = if what == "remove" { ErrorKind::Cleanup } else { ErrorKind::Machine };
    Error::new(kind, format!("cannot {what} {}: {error}", path.display()))
        .help("the data folder must be writable; name another one with --data-dir")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, ClusterFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = ClusterFolder::new(&root.path().join("data"), "c1").unwrap();
        (root, folder)
    }

    #[test]
    fn a_folder_whose_name_is_no_text_is_refused_before_anything_is_created() {
        use std::os::unix::ffi::OsStrExt;
        let refused = ClusterFolder::new(Path::new(std::ffi::OsStr::from_bytes(b"d\xff")), "c1").unwrap_err();
        assert_eq!((refused.kind, refused.kind.exit_code()), (ErrorKind::Usage, 2));
    }

    #[test]
    fn a_claim_excludes_every_other_until_it_is_dropped() {
        let (_root, folder) = folder();
        let claim = folder.claim().unwrap().unwrap();
        assert!(folder.claim().unwrap().is_none());
        assert!(matches!(folder.reach().unwrap(), Reached::Busy));
        drop(claim);
        assert!(folder.claim().unwrap().is_some());
    }

    #[test]
    fn a_removed_folder_leaves_nothing_above_it() {
        let (root, folder) = folder();
        let claim = folder.claim().unwrap().unwrap();
        std::fs::create_dir_all(folder.path().join("logs")).unwrap();
        std::fs::write(folder.path().join("logs/n1.log"), "x").unwrap();
        folder.remove(&claim).unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        assert!(matches!(folder.reach().unwrap(), Reached::Nobody));
    }

    #[test]
    fn a_claim_on_a_removed_folder_is_not_mistaken_for_one_on_its_successor() {
        let (_root, folder) = folder();
        let old = folder.claim().unwrap().unwrap();
        folder.remove(&old).unwrap();
        let new = folder.claim().unwrap().unwrap();
        assert!(!folder.is_current(&old) && folder.is_current(&new));
        folder.remove(&old).unwrap();
        assert!(folder.path().exists());
    }

    #[test]
    fn what_lies_in_an_unlocked_folder_is_of_the_dead() {
        let (_root, folder) = folder();
        drop(folder.claim().unwrap());
        drop(folder.listen().unwrap());
        let Reached::Dead(state) = folder.reach().unwrap() else { panic!("somebody answered") };
        insta::assert_snapshot!(folder.dead(state.as_ref()), @"the cluster `c1` has died: its supervisor is gone; its nodes are gone with it (`blockade up` starts it anew, `blockade destroy` removes its files)");
    }

    #[test]
    fn who_only_looks_is_in_nobodys_way() {
        let (_root, folder) = folder();
        drop(folder.claim().unwrap());
        let look = folder.try_look().unwrap().unwrap();
        assert_eq!(folder.standing().unwrap(), Standing::Dead);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(LOOK_MAX / 5);
                drop(look);
            });
            assert!(folder.claim().unwrap().is_some());
        });
    }

    #[test]
    fn a_supervisor_that_hangs_holds_up_nobody_who_looks() {
        let (_root, folder) = folder();
        let _claim = folder.claim().unwrap().unwrap();
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        let bound = folder.with_socket(|path| Ok(rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?));
        bound.and_then(|()| Ok(rustix::net::listen(&socket, 1)?)).unwrap();
        let (told, hear) = std::sync::mpsc::channel();
        // To the end of the process, where it does not end.
        std::thread::spawn(move || told.send([(); 4].map(|()| folder.standing().unwrap())));
        let seen = hear.recv_timeout(Duration::from_secs(10)).expect("it looks without waiting");
        assert_eq!((seen[0], seen[3]), (Standing::Up, Standing::Busy));
    }

    #[test]
    fn clusters_are_listed_by_name_with_what_there_is_of_them() {
        let (root, folder) = folder();
        let data_dir = root.path().join("data");
        let list = || {
            let all = ClusterFolder::all(&data_dir).unwrap();
            all.iter().map(|one| (one.name().to_owned(), one.standing().unwrap())).collect::<Vec<_>>()
        };
        assert_eq!((list(), folder.standing().unwrap()), (vec![], Standing::Absent));
        let _claim = folder.claim().unwrap().unwrap();
        drop(ClusterFolder::new(&data_dir, "b2").unwrap().claim().unwrap());
        assert_eq!(list(), [("b2".to_owned(), Standing::Dead), ("c1".to_owned(), Standing::Busy)]);
        let _listener = folder.listen().unwrap();
        assert_eq!(folder.standing().unwrap(), Standing::Up);
    }

    #[test]
    fn containers_outlive_their_supervisor_and_processes_do_not() {
        let (_root, folder) = folder();
        let state = |runtime: &str| State {
            format: 1,
            name: "c1".to_owned(),
            pid: 7,
            started: String::new(),
            runtime: runtime.to_owned(),
            config: PathBuf::new(),
            nodes: Vec::new(),
            died: None,
        };
        insta::assert_snapshot!(folder.dead(Some(&state("netns"))), @"the cluster `c1` has died: its supervisor (process 7) is gone; its nodes are gone with it (`blockade up` starts it anew, `blockade destroy` removes its files)");
        insta::assert_snapshot!(folder.dead(Some(&state("docker"))), @"the cluster `c1` has died: its supervisor (process 7) is gone; its links are whole, its containers stand as it left them (`blockade up` starts it anew, `blockade destroy` removes its containers and files)");
    }

    #[test]
    fn the_audit_trail_stays_when_the_folder_goes() {
        let (root, folder) = folder();
        let claim = folder.claim().unwrap().unwrap();
        let entry = super::super::audit::Entry::new("up", Vec::new(), "supervisor", &Ok(String::new()));
        folder.audit().append(&entry).unwrap();
        folder.remove(&claim).unwrap();
        assert_eq!(folder.audit().path(), root.path().join("data/audit/c1.jsonl"));
        assert_eq!(folder.audit().read().unwrap(), (vec![entry], 0));
    }

    #[test]
    fn a_folder_deeper_than_a_socket_address_is_long_still_has_a_socket_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = ClusterFolder::new(&root.path().join("d".repeat(120)).join("e".repeat(120)), "c1").unwrap();
        let _claim = folder.claim().unwrap().unwrap();
        let _listener = folder.listen().unwrap();
        assert!(matches!(folder.reach().unwrap(), Reached::Supervisor(_)));
        let mode = std::fs::metadata(folder.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
