//! One HTTP request to a node, and what came of it: of `http()` and `ready: {http: …}`.
//!
//! Whatever the network and the server do is an [`Answer`]: a refusal, silence, rubbish. What no server should be asked is
//! refused before it is sent. Pure.

use crate::error::{Error, Result};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use hyper::{Method, Uri};
use serde::{Deserialize, Serialize};
use std::time::Duration;

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

    /// As hyper sends it, to a server that is called `host`.
    pub(crate) fn build(&self, host: &str) -> Result<hyper::Request<Full<Bytes>>> {
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

    /// How long all of it may take.
    pub(crate) fn timeout(&self) -> Duration {
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
