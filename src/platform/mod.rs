//! What the systems that a client runs on do differently, Unix and Windows. Beside it only what stands behind `host` may
//! know where it runs.
//!
//! May touch the process's signals and terminal, and the modes of files.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
