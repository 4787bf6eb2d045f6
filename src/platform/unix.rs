//! Linux and macOS.

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{FileType, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// Calls `act` at each Ctrl-C from now on, as long as the process lives. Must be called within tokio.
pub fn on_interrupt(act: impl Fn() + Send + 'static) -> io::Result<()> {
    on_signal(SignalKind::interrupt(), act)
}

/// Calls `act` whenever the process is asked to end: SIGTERM, SIGHUP. Must be called within tokio.
pub fn on_end(act: impl Fn() + Clone + Send + 'static) -> io::Result<()> {
    on_signal(SignalKind::terminate(), act.clone())?;
    on_signal(SignalKind::hangup(), act)
}

fn on_signal(kind: SignalKind, act: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = signal(kind)?;
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            act();
        }
    });
    Ok(())
}

/// Ends this process as SIGTERM does: it heals what it has to heal.
pub fn end() {
    let _it_is_us = kill_process(getpid(), Signal::TERM);
}

/// Where memory is short, the kernel ends this process before others. Some machines do not let everybody say so.
pub fn go_first() {
    let _as_it_is = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// Whether a file is a device, which need not have an end.
#[must_use]
pub fn is_device(kind: FileType) -> bool {
    kind.is_char_device() || kind.is_block_device()
}

/// Lets this user change what is in a folder.
pub fn make_writable(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}

/// A file that is made so is for this user alone.
pub fn for_its_owner(file: &mut OpenOptions) {
    file.mode(0o600);
}

/// The kernel's release.
#[must_use]
pub fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// How the terminal at standard input was set.
pub struct Terminal(Termios);

impl Terminal {
    /// As it is now; nothing where there is none.
    #[must_use]
    pub fn now() -> Option<Self> {
        tcgetattr(io::stdin()).ok().map(Self)
    }

    /// Sets it so again. A terminal that is gone needs nothing.
    pub fn restore(&self) {
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
