//! How text leaves: results to stdout, errors to stderr, colour only on a terminal that wants it.

use crate::diagnostic::Diagnostic;
use crate::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::OnceLock;

/// Why results did not reach stdout.
static LOST: OnceLock<String> = OnceLock::new();

/// One line on stdout. A reader that has gone (`| head`) is no error; a full disk is one, at the end: see [`lost`].
pub(super) fn line(text: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _first = LOST.set(error.to_string());
    }
}

/// Bytes on stdout, as they are and at once; false where their reader has gone. What else keeps them from being written
/// is an error at the end likewise.
pub(super) fn bytes(bytes: &[u8]) -> bool {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => false,
        Err(error) => {
            let _first = LOST.set(error.to_string());
            true
        }
        Ok(()) => true,
    }
}

/// The error that results did not reach stdout, if some did not.
pub(super) fn lost() -> Option<Error> {
    LOST.get().map(|cause| Error::machine(format!("cannot write the results to standard output: {cause}")))
}

/// A value as JSON on stdout.
pub(super) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::machine(format!("no JSON: {error}")))?;
    line(&text);
    Ok(())
}

/// One line on stderr.
pub(super) fn message(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The columns of the terminal that results and messages go to; none if one of them goes elsewhere.
pub(super) fn columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let (columns, _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(usize::from(columns.0))
}

/// Whether to colour what goes to this stream.
pub(super) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// From now on what is traced up to this level goes to stderr.
pub(super) fn trace(level: tracing::Level) {
    let log = tracing_subscriber::fmt().with_max_level(level).with_target(false);
    let log = log.with_ansi(colour(&std::io::stderr())).with_writer(std::io::stderr);
    // Refused only where there is one already.
    let _had_one = log.try_init();
}

/// An error, with its places in the user's files where it has any.
pub(super) fn error(error: &Error) {
    let _ = write!(std::io::stderr(), "{}", rendered(error));
}

/// The same as text for stderr, with its line's end.
pub(super) fn rendered(error: &Error) -> String {
    error.rendered(colour(&std::io::stderr()))
}

/// A wrong place in one of the user's files.
pub(super) fn diagnostic(diagnostic: &Diagnostic) {
    let _ = write!(std::io::stderr(), "{}", diagnostic.render(colour(&std::io::stderr())));
}
