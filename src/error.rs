//! The one error type of the crate: what happened, where, what to do, and which exit code it means.
//!
//! Library errors (I/O, YAML, Rhai) are turned into this type at the place that knows what the user was doing.
//! Nothing here prints; `cli` prints an error once, at the top.

use crate::diagnostic::Diagnostic;
use std::fmt;

/// What is at the root of a library's error, in its own words: a chain of them tells little more than names.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// A result with the crate's own error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure means to the caller: the exit code follows from it (`cli.md`, "Exit codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// An invariant or assertion of the script failed, or a `wait_until` ran out: exit 1.
    Failed,
    /// The script, the config or the arguments are wrong: exit 2.
    Usage,
    /// The run's deadline has passed: exit 2, and nothing in the script may catch it.
    Deadline,
    /// This machine, its kernel or its rights do not allow it; a program cannot be started: exit 3.
    Machine,
    /// Faults or nodes could not be cleaned up: exit 4.
    Cleanup,
    /// The verdict is unknown: exit 5.
    Unknown,
    /// Ctrl-C or SIGTERM: exit 130, after healing.
    Interrupted,
    /// A task of the script was cancelled. It does not leave the script.
    Cancelled,
}

impl ErrorKind {
    /// The process's exit code for this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage | Self::Deadline => 2,
            Self::Machine => 3,
            Self::Cleanup => 4,
            Self::Unknown => 5,
            Self::Interrupted | Self::Cancelled => 130,
        }
    }
}

/// A failure with its message, an optional mend, and its places in a file where it has any.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Error {
    /// What the failure means; decides the exit code.
    pub kind: ErrorKind,
    /// What happened and where, one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Places in a script or config file. Printed instead of `message` where there are any.
    pub diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), help: None, diagnostics: Vec::new() }
    }

    /// The script, the config or the arguments are wrong (exit 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// This machine cannot do it (exit 3).
    pub fn machine(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Machine, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Puts what was being done in front: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// The error as a person reads it, with its places in the user's files where it has any, and its line's end.
    #[must_use]
    pub fn rendered(&self, colour: bool) -> String {
        if self.diagnostics.is_empty() {
            let help = self.help.as_ref().map(|help| format!("help: {help}\n")).unwrap_or_default();
            return format!("error: {}\n{help}", self.message);
        }
        self.diagnostics.iter().map(|diagnostic| diagnostic.render(colour)).collect()
    }
}

impl From<Diagnostic> for Error {
    /// A wrong place in a file the user wrote: exit 2.
    fn from(diagnostic: Diagnostic) -> Self {
        Self { kind: ErrorKind::Usage, message: diagnostic.message.clone(), help: None, diagnostics: vec![diagnostic] }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
