//! What a run leaves on disk: its folder, the write-ahead journal, the history and the result.
//!
//! Touches files below the run's folder and nothing else. Format 1; a reader of it reads every format-1 file.

mod folder;
mod history;
mod lines;
mod past;
mod reader;
mod result;
mod signature;
mod writer;

pub use folder::{RunFolder, STAMP, names_like, remove_folder};
pub use history::HistoryWriter;
pub use lines::{for_its_owner, is_locked};
pub use past::PastRun;
pub use reader::{Journal, read};
pub use result::{CheckResult, Cleanup, Failure, Operations, RunResult, Verdict};
pub use signature::{renewed, signature};
pub use writer::{Header, JournalWriter};

/// The format that this version writes.
pub const FORMAT: u32 = 1;
