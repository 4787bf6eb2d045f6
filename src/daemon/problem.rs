//! What went wrong, as RFC 9457 has it, with the text that a local user would have read. Pure.

use crate::{Error, ErrorKind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

const MEDIA_TYPE: &str = "application/problem+json";
/// In what ways the token may be given. Of the two a browser knows the second one, which must stand in a header of its own:
/// Chromium looks for one way in each.
const ASKED: [&str; 2] = ["Bearer", "Basic realm=\"blockade\""];

/// Problem details (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// The status code once more.
    pub(super) status: u16,
    /// The status code in words.
    title: &'static str,
    /// What happened and where, one sentence.
    pub(super) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    /// With which exit code the command line would have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<u8>,
    /// Where in the files that were sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<Place>,
    /// All of it as a terminal would have shown it.
    text: String,
}

/// A wrong place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
struct Place {
    /// The file as it was named.
    file: String,
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    /// What is wrong there.
    message: String,
    /// What to write instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// What every route but `/healthz` may answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "read by the derive, for the OpenAPI document")]
pub(super) enum Problems {
    /// What was asked for is wrong: exit code 2 of the command line.
    #[response(status = 400, content_type = "application/problem+json")]
    Usage(Problem),
    /// There is no token in the request, or a wrong one.
    #[response(status = 401, content_type = "application/problem+json")]
    Stranger(Problem),
    /// A page of another origin asks.
    #[response(status = 403, content_type = "application/problem+json")]
    Origin(Problem),
    /// There is no such cluster, node, fault, command or run.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The route has no such method.
    #[response(status = 405, content_type = "application/problem+json")]
    Method(Problem),
    /// What it is about is not in a state for that.
    #[response(status = 409, content_type = "application/problem+json")]
    State(Problem),
    /// The body did not come in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(Problem),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    Large(Problem),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    Media(Problem),
    /// This machine cannot do it, or nodes or faults could not be cleaned up: exit codes 3 and 4 of the command line.
    #[response(status = 500, content_type = "application/problem+json")]
    Machine(Problem),
    /// The request line and the headers are too large.
    #[response(status = 431, content_type = "application/problem+json")]
    Head(Problem),
    /// It was interrupted by the end of the daemon, too much is done for others already, or the cluster is just being
    /// brought up or removed: later it may be.
    #[response(status = 503, content_type = "application/problem+json")]
    Interrupted(Problem),
}

impl Problem {
    /// One that has no error of the crate behind it.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let error = Error::usage(detail);
        Self { exit_code: None, ..Self::with(status, &error) }
    }

    /// An error under another code than its kind's.
    pub(super) fn with(status: StatusCode, error: &Error) -> Self {
        let places = error.diagnostics.iter().map(|found| Place {
            file: found.file.clone(),
            line: found.line,
            column: found.column,
            message: found.message.clone(),
            help: found.help.clone(),
        });
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("Error"),
            detail: error.message.clone(),
            help: error.help.clone(),
            exit_code: Some(error.kind.exit_code()),
            places: places.collect(),
            text: error.rendered(false),
        }
    }

    /// Something that can be done later.
    pub(super) fn busy(error: &Error) -> Self {
        Self::with(StatusCode::SERVICE_UNAVAILABLE, error)
    }

    /// Something that is not there.
    pub(super) fn unknown(error: &Error) -> Self {
        Self::with(StatusCode::NOT_FOUND, error)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind {
            ErrorKind::Usage | ErrorKind::Deadline => StatusCode::BAD_REQUEST,
            ErrorKind::Interrupted | ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Machine | ErrorKind::Cleanup | ErrorKind::Failed | ErrorKind::Unknown => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::with(status, &error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if status == StatusCode::UNAUTHORIZED {
            for way in ASKED {
                response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(way));
            }
        }
        response
    }
}

/// Whether a response is one already.
pub(super) fn is_problem(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;

    #[test]
    fn an_error_keeps_its_text_its_mend_and_its_exit_code() {
        let problem = Problem::from(Error::machine("no nftables here").help("load nf_tables"));
        insta::assert_snapshot!(serde_json::to_string_pretty(&problem).unwrap(), @r#"
        {
          "status": 500,
          "title": "Internal Server Error",
          "detail": "no nftables here",
          "help": "load nf_tables",
          "exit_code": 3,
          "text": "error: no nftables here\nhelp: load nf_tables\n"
        }
        "#);
        let problem = Problem::from(Error::from(Diagnostic::new("body", "nodes: 7\n", 7..8, "not so").help("so")));
        insta::assert_snapshot!(serde_json::to_string_pretty(&problem).unwrap(), @r#"
        {
          "status": 400,
          "title": "Bad Request",
          "detail": "not so",
          "exit_code": 2,
          "places": [
            {
              "file": "body",
              "line": 1,
              "column": 8,
              "message": "not so",
              "help": "so"
            }
          ],
          "text": "error: not so\n --> body:1:8\n  |\n1 | nodes: 7\n  |        ^\n  |\nhelp: so\n"
        }
        "#);
    }

    #[test]
    fn only_a_missing_token_asks_for_one() {
        let asks = |status| Problem::new(status, "x").into_response().headers().contains_key(header::WWW_AUTHENTICATE);
        assert!(asks(StatusCode::UNAUTHORIZED) && !asks(StatusCode::FORBIDDEN));
    }
}
