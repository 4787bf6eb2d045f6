//! Before any route: who may ask, how much, and for how long. After it: every refusal is a problem in JSON.
//!
//! [`frame`] is around everything, also around what strangers may ask; [`pass`] around the rest.

use super::problem::{Problem, is_problem};
use super::strangers::Stranger;
use super::token::Token;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The largest body, bytes: a thousand nodes with files of their own fit.
pub(super) const BODY_MAX: usize = 4 << 20;
/// The same where a past run may be sent along, whose journal may be long.
const PAST_RUN_MAX: usize = 64 << 20;
/// How many larger than usual may be in memory at once.
const LARGE_MAX: usize = 2;
/// The largest request line with its headers, bytes. Far above it hyper refuses by itself, and without a word.
const HEAD_MAX: usize = 32 << 10;
/// How long a body of the usual size may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// What is kept of a refusal's text, bytes.
const REFUSAL_MAX: usize = 16 << 10;

/// Who is let in.
#[derive(Debug)]
pub(super) struct Gate {
    /// What they must know; nothing where the socket's file decides.
    token: Option<Token>,
    /// For bodies that are larger than usual.
    large: Semaphore,
}

impl Gate {
    /// For those who know this token; nothing where the socket's file decides.
    pub(super) fn new(token: Option<Token>) -> Self {
        Self { token, large: Semaphore::new(LARGE_MAX) }
    }

    /// Lets a request through, or says why not. Nothing of its body has been read yet.
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if let Some(token) = &self.token
            && !given(headers).is_some_and(|given| token.admits(&given))
        {
            let detail = "a token is needed: send `Authorization: Bearer TOKEN`, or TOKEN as the password of any user";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
        }
        if self.token.is_none() && is_public(headers) {
            let detail = "without a token only this machine's own names are answered: ask for `localhost`";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        if is_foreign(headers) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "pages of other origins may not ask this daemon"));
        }
        Ok(())
    }

    /// Hands on what may come in.
    async fn enter(&self, request: Request, next: Next) -> Response {
        let bytes_max = body_max(&request);
        let _one_of_few = if bytes_max > BODY_MAX { self.large.acquire().await.ok() } else { None };
        match arrived(request, bytes_max).await {
            Ok(request) => told(next.run(request).await).await,
            Err(problem) => problem.into_response(),
        }
    }
}

/// The largest body that a request may have, bytes: the usual where that is certain to be enough.
fn body_max(request: &Request) -> usize {
    let is_usual = request.body().size_hint().upper().is_some_and(|bytes| bytes <= BODY_MAX as u64);
    let may_bring_a_run = request.method() == Method::POST && request.uri().path() == "/v1/commands";
    if may_bring_a_run && !is_usual { PAST_RUN_MAX } else { BODY_MAX }
}

/// What a request gives for the token: as it is, or, since browsers can ask their user for nothing else, as a password.
fn given(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let (scheme, given) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    match () {
        () if scheme.eq_ignore_ascii_case("bearer") => Some(given.trim().into()),
        () if scheme.eq_ignore_ascii_case("basic") => password(given.trim()).map(Cow::Owned),
        () => None,
    }
}

/// The password of HTTP Basic, whoever its user is.
fn password(given: &str) -> Option<String> {
    let both = String::from_utf8(BASE64_STANDARD.decode(given).ok()?).ok()?;
    both.split_once(':').map(|(_, password)| password.to_owned())
}

/// Whether a browser asks on behalf of a page that is not the daemon's own.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = |host: &str| ["http://", "https://"].iter().any(|scheme| *origin == format!("{scheme}{host}").as_str());
    !host.is_some_and(own)
}

/// Whether a name was asked for that somebody else may own. A page of theirs may have let it lead here, where a socket
/// is forwarded to an address, and would pass for the daemon's own.
fn is_public(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else { return false };
    let Some(host) = host.to_str().ok() else { return true };
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    let name = name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    name.contains('.') && !name.ends_with(".localhost") && name.parse::<IpAddr>().is_err()
}

/// The whole of it, as a layer around all routes.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    // Without the query and all headers: somebody may have put a secret there.
    let (began, asked) = (Instant::now(), format!("{} {}", request.method(), request.uri().path()));
    let checked = gate.check(request.headers());
    let response = match checked {
        Ok(()) => {
            if let Some(stranger) = request.extensions().get::<Arc<Stranger>>() {
                stranger.is_known();
            }
            gate.enter(request, next).await
        }
        Err(problem) => problem.into_response(),
    };
    tracing::info!(status = response.status().as_u16(), took = ?began.elapsed(), "{asked}");
    response
}

/// What holds for every request, a stranger's too.
pub(super) async fn frame(request: Request, next: Next) -> Response {
    let response = if head_bytes(&request) > HEAD_MAX {
        let detail = format!("the request line and the headers are larger than {HEAD_MAX} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response()
    } else {
        told(next.run(request).await).await
    };
    ([(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], response).into_response()
}

/// How long a request's head was, as clients usually write one.
fn head_bytes(request: &Request) -> usize {
    let line = format!("{} {} {:?}\r\n\r\n", request.method(), request.uri(), request.version());
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line.len() + fields.sum::<usize>()
}

/// The request with its whole body in memory, so that no route waits for a slow client.
async fn arrived(request: Request, bytes_max: usize) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let time_max = BODY_TIME_MAX * bytes_max.div_ceil(BODY_MAX) as u32;
    let body = match tokio::time::timeout(time_max, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is larger than {bytes_max} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Ok(Err(_)) => return Err(Problem::new(StatusCode::BAD_REQUEST, "the body did not come to its end")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", time_max.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
        }
    };
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// What the router and its readers of paths, queries and bodies refuse, they refuse in plain text.
async fn told(response: Response) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_problem(&response) {
        return response;
    }
    let allowed = response.headers().get(header::ALLOW).cloned();
    let text = to_bytes(response.into_body(), REFUSAL_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // A body of the wrong shape is as bad as one of the wrong grammar.
    let status = if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
    let detail = match (status, text.trim()) {
        (StatusCode::NOT_FOUND, "") => "there is no such route",
        (StatusCode::METHOD_NOT_ALLOWED, "") => "this route has no such method",
        (_, "") => status.canonical_reason().unwrap_or("it was refused"),
        (_, text) => text,
    };
    let mut response = Problem::new(status, detail).into_response();
    response.headers_mut().extend(allowed.map(|allowed| (header::ALLOW, allowed)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_is_read_from_one_header_only() {
        let read = |value: &str| given(&headers(&[(header::AUTHORIZATION, value)])).map(Cow::into_owned);
        assert_eq!(read("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(read("bearer abc"), Some("abc".to_owned()));
        assert_eq!((read("Digest abc"), read("Bearer"), read("abc")), (None, None, None));
        assert_eq!(given(&headers(&[(header::COOKIE, "token=abc")])), None);
    }

    #[test]
    fn a_browser_gives_it_as_the_password_of_any_user() {
        let read = |both: &[u8]| {
            let value = format!("Basic {}", BASE64_STANDARD.encode(both));
            given(&headers(&[(header::AUTHORIZATION, &value)])).map(Cow::into_owned)
        };
        assert_eq!((read(b":abc"), read(b"somebody:abc")), (Some("abc".to_owned()), Some("abc".to_owned())));
        assert_eq!(read(b"a:b:c"), Some("b:c".to_owned()), "a user has no colon, a password may have some");
        assert_eq!((read(b"abc"), read(b"x:\xff")), (None, None));
        assert_eq!(given(&headers(&[(header::AUTHORIZATION, "Basic abc")])), None);
    }

    #[test]
    fn a_page_of_another_origin_is_told_from_ones_own_and_from_no_page() {
        let asks = |origin: &str| is_foreign(&headers(&[(header::HOST, "localhost:5000"), (header::ORIGIN, origin)]));
        assert!(!asks("http://localhost:5000") && !asks("https://localhost:5000"));
        assert!(asks("http://localhost:5001") && asks("https://evil.example") && asks("null"));
        assert!(!is_foreign(&headers(&[(header::HOST, "localhost")])));
        assert!(is_foreign(&headers(&[(header::ORIGIN, "http://localhost")])));
    }

    #[test]
    fn a_name_that_others_may_own_is_told_from_this_machines() {
        let asks = |host: &str| is_public(&headers(&[(header::HOST, host)]));
        for own in ["localhost", "localhost:5000", "127.0.0.1:5000", "[::1]:5000", "[::1]", "b", "a.localhost:1", ""] {
            assert!(!asks(own), "{own}");
        }
        for others in ["evil.example", "evil.example:5000", "EVIL.Example.", "127.0.0.1.evil.example:80"] {
            assert!(asks(others), "{others}");
        }
    }
}
