//! One HTTP request over a connection that was made inside a namespace: for `http()` and `ready: {http: …}`.
//!
//! Whatever the network and the server do is an [`Answer`]: a refusal, silence, rubbish. No redirect is followed, no
//! connection kept, nothing tried twice, so that a script sees exactly what one client would have seen.

use super::probe::Connecting;
use crate::error::{Error, Result};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The largest body of an answer: a script's texts hold it.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// What is asked of a server. It is worth sending where [`Request::check`] says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The server's port.
    pub port: u16,
    /// `GET`, `POST`, …
    pub method: String,
    /// With its leading slash, and percent-encoded; a query may follow.
    pub path: String,
    /// Names and values, beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// What is sent; nothing where empty.
    pub body: String,
    /// How long all of it may take: the connection, the request and the whole answer.
    pub timeout_us: u64,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The whole response, or why there is none, one sentence without a full stop.
    pub response: Result<Response, String>,
    /// From the first packet on, microseconds.
    pub took_us: u64,
}

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// 200, 404, …
    pub status: u16,
    /// As UTF-8, broken bytes replaced.
    pub body: String,
}

impl Answer {
    /// No answer, and why.
    #[must_use]
    pub fn none(why: impl Into<String>, took_us: u64) -> Self {
        Self { response: Err(why.into()), took_us }
    }

    /// No answer within the time.
    #[must_use]
    pub fn late(request: &Request) -> Self {
        Self::none(format!("no answer within {} s", request.timeout_us as f64 / 1e6), request.timeout_us)
    }

    /// Its status, if there is a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().ok().map(|response| response.status)
    }
}

impl Request {
    /// A GET.
    #[must_use]
    pub fn get(port: u16, path: &str, timeout: Duration) -> Self {
        let timeout_us = timeout.as_micros() as u64;
        Self { port, method: "GET".into(), path: path.into(), headers: Vec::new(), body: String::new(), timeout_us }
    }

    /// Refuses what cannot be sent as one request: a line break in a path or a header would begin another one.
    pub fn check(&self) -> Result<()> {
        self.build("host").map(drop)
    }

    fn build(&self, host: &str) -> Result<hyper::Request<Full<Bytes>>> {
        let bad = |error| Error::usage(format!("this is no HTTP request: {error}"));
        let mut request = hyper::Request::new(Full::new(Bytes::from(self.body.clone())));
        *request.method_mut() = method(&self.method)?;
        *request.uri_mut() = target(&self.path)?;
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            let (name, value) = header(name, value)?;
            headers.append(name, value);
        }
        let own = HeaderValue::from_str(&format!("{host}:{}", self.port)).map_err(bad)?;
        headers.entry(HOST).or_insert(own);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(request)
    }

    fn timeout(&self) -> Duration {
        Duration::from_micros(self.timeout_us)
    }
}

/// Whether this can be asked for: percent-encoded, with its leading slash.
#[must_use]
pub fn is_path(path: &str) -> bool {
    target(path).is_ok()
}

fn method(word: &str) -> Result<Method> {
    match Method::from_bytes(word.as_bytes()) {
        Ok(Method::CONNECT) => Err(Error::usage("CONNECT asks for a tunnel, not for an answer")),
        Ok(method) => Ok(method),
        Err(_) => Err(Error::usage(format!("{word:?} is no HTTP method")).help("like \"GET\", \"POST\", \"PUT\"")),
    }
}

fn target(path: &str) -> Result<Uri> {
    let wrong = path.chars().find(|c| !c.is_ascii_graphic() || *c == '#');
    if let Some(wrong) = wrong {
        return Err(Error::usage(format!("{wrong:?} cannot stand in a path"))
            .help("percent-encode it: a blank is %20, a line break %0A"));
    }
    if !path.starts_with('/') {
        return Err(Error::usage(format!("the path {path:?} does not begin with a slash")).help("like \"/health\""));
    }
    let target = Uri::builder().path_and_query(path).build();
    target.map_err(|error| Error::usage(format!("{path:?} is no path: {error}")))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::usage(format!("{name:?} is no name of a header")).help("like \"content-type\""))?;
    if [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE].contains(&parsed) {
        return Err(Error::usage(format!("the header {parsed} follows from the request")).help("leave it out"));
    }
    let value = HeaderValue::from_str(value).map_err(|_| {
        Error::usage(format!("the value of the header {parsed} holds what no header may: {value:?}"))
            .help("one line of visible ASCII characters and blanks")
    })?;
    Ok((parsed, value))
}

/// Sends a request to the server at the other end of a connection, which is called `host` there.
///
/// # Errors
/// Only for a request that [`Request::check`] refuses.
pub async fn exchange(connecting: Connecting, host: &str, request: &Request) -> Result<Answer> {
    let began = Instant::now();
    let built = request.build(host)?;
    let work = async {
        let stream = connecting.connected().await.map_err(|error| refusal(&error))?;
        converse(stream, built).await
    };
    Ok(match timeout(request.timeout(), work).await {
        Ok(response) => Answer { response, took_us: began.elapsed().as_micros() as u64 },
        Err(_) => Answer::late(request),
    })
}

async fn converse(stream: TcpStream, request: hyper::Request<Full<Bytes>>) -> Result<Response, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    // Ends with this function, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    Ok(Response { status, body: text(response.into_body()).await? })
}

async fn text(body: Incoming) -> Result<String, String> {
    let too_large = || format!("the body of the answer is larger than {} MiB", BODY_BYTES_MAX >> 20);
    let bytes = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(error) => return Err(format!("the connection was lost in the middle of the answer: {}", root(&*error))),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // What replaces a broken byte is longer than that.
    if text.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(text) }
}

/// Why there is no connection.
fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => format!("no connection: {error}"),
    }
}

/// Why there is no answer over a connection that was made.
fn broken(error: &hyper::Error) -> String {
    if error.is_parse() {
        return format!("the answer is no HTTP: {}", root(error));
    }
    format!("the connection was lost before an answer came: {}", root(error))
}

/// What is behind an error, in its own words.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

#[cfg(test)]
mod tests;
