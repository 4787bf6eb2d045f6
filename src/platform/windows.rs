//! Windows.

use std::fs::{FileType, OpenOptions};
use std::io;
use std::path::Path;
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

/// Calls `act` at each Ctrl-C or Ctrl-Break from now on, as long as the process lives. Must be called within tokio.
pub fn on_interrupt(act: impl Fn() + Clone + Send + 'static) -> io::Result<()> {
    let (mut interrupts, mut breaks) = (ctrl_c()?, ctrl_break()?);
    let also = act.clone();
    tokio::spawn(async move {
        while interrupts.recv().await.is_some() {
            act();
        }
    });
    tokio::spawn(async move {
        while breaks.recv().await.is_some() {
            also();
        }
    });
    Ok(())
}

/// Calls `act` when the console is closed, or the system shuts down. Must be called within tokio.
pub fn on_end(act: impl Fn() + Send + 'static) -> io::Result<()> {
    let (mut close, mut shutdown) = (ctrl_close()?, ctrl_shutdown()?);
    tokio::spawn(async move {
        tokio::select! {
            _ = close.recv() => {}
            _ = shutdown.recv() => {}
        }
        act();
    });
    Ok(())
}

/// Ends this process. There is nothing to heal: no node lives here.
pub fn end() {
    std::process::exit(130);
}

/// The system chooses by itself whom it ends where memory is short.
pub fn go_first() {}

/// Whether a file is a device, which need not have an end: none is found by a file's kind here.
#[must_use]
pub fn is_device(_: FileType) -> bool {
    false
}

/// Lets this user change what is in a folder.
#[allow(clippy::permissions_set_readonly_false, reason = "on Unix this would let everybody")]
pub fn make_writable(folder: &Path) -> io::Result<()> {
    let mut permissions = std::fs::metadata(folder)?.permissions();
    permissions.set_readonly(false);
    std::fs::set_permissions(folder, permissions)
}

/// A file that is made so is for this user alone: it has the rights of its folder, which lies in the user's own.
pub fn for_its_owner(_: &mut OpenOptions) {}

/// The kernel's release: no run on real nodes asks for it here.
#[must_use]
pub fn kernel() -> String {
    std::env::consts::OS.to_owned()
}

/// How the console was set: the line editor sees to that by itself.
pub struct Terminal;

impl Terminal {
    /// Nothing to keep.
    #[must_use]
    pub fn now() -> Option<Self> {
        None
    }

    /// Nothing to do.
    pub fn restore(&self) {}
}
