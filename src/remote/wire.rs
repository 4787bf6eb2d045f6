//! What is said between client and daemon about commands, as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A command line to be run over there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct NewCommand {
    /// Without the program's name.
    pub(super) args: Vec<String>,
    /// The files that it reads, by their paths below its working directory.
    pub(super) files: BTreeMap<String, String>,
    /// What its cluster is called where the arguments give no name.
    pub(super) name: String,
    /// What `${env:NAME}` in cluster files stand for.
    pub(super) env: BTreeMap<String, String>,
}

/// A command over there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Command {
    pub(super) id: String,
    /// As `run`.
    pub(super) verb: String,
    /// Without the program's name.
    #[serde(default)]
    pub(super) args: Vec<String>,
    /// The run that it is.
    pub(super) run: Option<String>,
}

/// What a command has said, or that it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Said {
    /// Counts from 1.
    pub(super) seq: u64,
    /// `out`, `err` or `exit`.
    pub(super) kind: Kind,
    text: Option<String>,
    base64: Option<String>,
    /// The exit code; none where a signal ended it.
    pub(super) code: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Out,
    Err,
    Exit,
    /// What a later version says.
    #[serde(other)]
    Other,
}

impl Said {
    /// The bytes that were written.
    pub(super) fn bytes(self) -> Vec<u8> {
        let decoded = |text: String| STANDARD.decode(text).unwrap_or_default();
        self.text.map(String::into_bytes).or_else(|| self.base64.map(decoded)).unwrap_or_default()
    }
}

/// For a command's standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Input {
    Text(String),
    /// True: no more will come.
    End(bool),
}

/// Files that a command or a run has left.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Files {
    pub(super) files: Vec<FileThere>,
    /// Whether there are more.
    #[serde(default)]
    pub(super) is_cut: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct FileThere {
    pub(super) path: String,
}

/// Where a command is asked about.
pub(super) fn command_path(id: &str, rest: &str) -> String {
    format!("/v1/commands/{}{rest}", super::http::encoded(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn output_is_text_or_bytes_and_ends_with_a_code() {
        assert_eq!(said(r#"{"seq":1,"kind":"out","text":"a\n"}"#).bytes(), b"a\n");
        assert_eq!(said(r#"{"seq":2,"kind":"err","base64":"/wA="}"#).bytes(), [0xff, 0]);
        let exit = said(r#"{"seq":3,"kind":"exit","code":130}"#);
        assert_eq!((exit.kind, exit.code), (Kind::Exit, Some(130)));
        assert_eq!(said(r#"{"seq":4,"kind":"mood"}"#).kind, Kind::Other);
    }
}
