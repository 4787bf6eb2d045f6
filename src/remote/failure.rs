//! What keeps a command from being done over there: this side, the way, or the daemon's own answer.

use crate::{Error, ErrorKind};
use hyper::StatusCode;
use serde::Deserialize;

/// Why not.
#[derive(Clone, Debug)]
pub enum Failure {
    /// Something on this side, or what no second try would change.
    Here(Error),
    /// The way: nobody answers, or the connection is lost. A second try may do better.
    Way(Error),
    /// The daemon's answer, as a local user would have read it.
    There(Answer),
}

/// What the daemon said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 404, 503, …
    pub status: StatusCode,
    /// As on a terminal, with its line's end.
    pub text: String,
    /// With which the command ends.
    pub exit_code: u8,
}

/// As much of problem details (RFC 9457) as is shown.
#[derive(Deserialize)]
struct Problem {
    text: String,
    exit_code: Option<u8>,
}

impl Answer {
    /// What a refusal's body says. One that is no problem in JSON is of no daemon of ours.
    pub(super) fn read(status: StatusCode, body: &[u8]) -> Option<Self> {
        let Problem { text, exit_code } = serde_json::from_slice(body).ok()?;
        let usual = if status.is_client_error() { ErrorKind::Usage } else { ErrorKind::Machine };
        Some(Self { status, text, exit_code: exit_code.unwrap_or(usual.exit_code()) })
    }
}

impl Failure {
    /// How the command ends.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Here(error) | Self::Way(error) => error.kind.exit_code(),
            Self::There(answer) => answer.exit_code,
        }
    }

    /// As a person reads it, with its line's end.
    #[must_use]
    pub fn rendered(&self, colour: bool) -> String {
        match self {
            Self::Here(error) | Self::Way(error) => error.rendered(colour),
            Self::There(answer) => answer.text.clone(),
        }
    }

    /// Whether the daemon says that there is no such thing.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::There(answer) if answer.status == StatusCode::NOT_FOUND)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_as_over_there_with_its_exit_code() {
        let body =
            br#"{"status":400,"title":"Bad Request","detail":"x","exit_code":2,"text":"error: x\n --> a:1:2\n"}"#;
        let answer = Answer::read(StatusCode::BAD_REQUEST, body).unwrap();
        assert_eq!((answer.text.as_str(), answer.exit_code), ("error: x\n --> a:1:2\n", 2));
        let code = |status| Answer::read(status, br#"{"text":"error: x\n"}"#).unwrap().exit_code;
        assert_eq!((code(StatusCode::NOT_FOUND), code(StatusCode::SERVICE_UNAVAILABLE)), (2, 3));
        assert_eq!(Answer::read(StatusCode::NOT_FOUND, b"<html>"), None);
    }
}
