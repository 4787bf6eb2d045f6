//! Requests to a daemon, each over a connection of its own. What it refuses is its own [`Answer`]; what is no daemon's
//! answer at all, or none, is an error of this side.

use super::connect;
use super::failure::{Answer, Failure};
use super::host::Host;
use super::options::Options;
use super::token::Token;
use crate::error::root_cause;
use crate::{Error, ErrorKind, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// How long the head of an answer may take, beside what was sent.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// How long so many bytes may take to arrive: as the daemon has it, which reads two that are larger at once, so that
/// others may come first.
const SENDING_MAX: (usize, Duration) = (4 << 20, Duration::from_secs(20));
/// The largest answer that is read as a whole, bytes.
const ANSWER_MAX: usize = 64 << 20;

/// A daemon, and how to ask it.
#[derive(Clone, Debug)]
pub struct Client {
    host: Host,
    tls: Option<Arc<ClientConfig>>,
    token: Option<Token>,
}

/// An answer whose body is still to come.
pub(super) struct Coming {
    host: Host,
    body: Incoming,
    /// Drives the connection; ends with this.
    _driver: JoinSet<Result<(), hyper::Error>>,
}

impl Client {
    /// Of the daemon that the options name; none where they name none.
    ///
    /// # Errors
    /// An address, a token or a way that cannot be.
    pub fn open(options: &Options) -> Result<Option<Self>> {
        let Some(host) = options.host()? else { return Ok(None) };
        connect::check(&host, options.insecure)?;
        let is_private = matches!(host, Host::Tcp { tls: true, .. });
        let tls = is_private.then(|| options.trust()?.config()).transpose()?;
        Ok(Some(Self { host, tls, token: options.token()? }))
    }

    /// Where it asks.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Asks for something in JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.send(Method::GET, path, None, Bytes::new()).await?.whole().await?;
        self.parsed(&body)
    }

    /// Asks for a file, which is a text.
    pub(super) async fn text(&self, path: &str) -> Result<String, Failure> {
        let body = self.send(Method::GET, path, None, Bytes::new()).await?.whole().await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Sends something in JSON, and gets something back.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: Vec<u8>) -> Result<T, Failure> {
        let body = self.send(Method::POST, path, None, body.into()).await?.whole().await?;
        self.parsed(&body)
    }

    /// Sends something in JSON, and only hears that it came.
    pub(super) async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        let body = json(body)?;
        self.send(Method::POST, path, None, body.into()).await?.whole().await.map(drop)
    }

    /// Asks for a file, or for a stream of events behind this one.
    pub(super) async fn open_stream(&self, path: &str, after: Option<u64>) -> Result<Coming, Failure> {
        self.send(Method::GET, path, after, Bytes::new()).await
    }

    async fn send(&self, method: Method, path: &str, after: Option<u64>, body: Bytes) -> Result<Coming, Failure> {
        let asked = format!("{method} {path}");
        let patience = HEAD_MAX + SENDING_MAX.1 * u32::try_from(body.len() / SENDING_MAX.0).unwrap_or(u32::MAX);
        let request = self.request(method, path, after, body)?;
        let stream = connect::connect(&self.host, self.tls.as_ref()).await?;
        let lost = |error: &hyper::Error| Failure::Way(self.lost(error));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = timeout(patience, sender.send_request(request)).await.map_err(|_| self.silent(patience))?;
        let response = response.map_err(|error| lost(&error))?;
        // Without the headers: the token is among them.
        tracing::info!(status = response.status().as_u16(), "{asked}");
        self.taken(response, driver).await
    }

    fn request(&self, method: Method, path: &str, after: Option<u64>, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let bad = |error: &dyn std::fmt::Display| Error::usage(format!("this cannot be asked: {path}: {error}"));
        let is_sending = method == Method::POST;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|error| bad(&error))?;
        let host = HeaderValue::from_str(&self.host.authority()).map_err(|error| bad(&error))?;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.extend(is_sending.then(|| (CONTENT_TYPE, HeaderValue::from_static("application/json"))));
        headers.extend(self.token.as_ref().map(|token| (AUTHORIZATION, token.header())));
        headers.extend(after.map(|seq| (hyper::header::HeaderName::from_static("last-event-id"), seq.into())));
        Ok(request)
    }

    /// An answer that is none of the refusals.
    async fn taken(
        &self,
        response: Response<Incoming>,
        driver: JoinSet<Result<(), hyper::Error>>,
    ) -> Result<Coming, Failure> {
        let status = response.status();
        let coming = Coming { host: self.host.clone(), body: response.into_body(), _driver: driver };
        if status.is_success() {
            return Ok(coming);
        }
        let body = coming.whole().await?;
        match Answer::read(status, &body) {
            Some(_) if status == StatusCode::UNAUTHORIZED => Err(self.stranger().into()),
            Some(answer) => Err(Failure::There(answer)),
            None => Err(self.foreign(&format!("it says {status}")).into()),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(body).map_err(|error| self.foreign(&error.to_string()).into())
    }

    fn lost(&self, error: &hyper::Error) -> Error {
        let help = match &self.host {
            Host::Tcp { tls: false, .. } => "if the daemon speaks TLS, write https://",
            _ => "look whether the daemon still runs there",
        };
        Error::machine(format!("the connection to {} was lost: {}", self.host, root_cause(error))).help(help)
    }

    fn silent(&self, patience: Duration) -> Failure {
        let message = format!("{} takes a connection, but does not answer within {} s", self.host, patience.as_secs());
        Failure::Way(Error::machine(message))
    }

    fn stranger(&self) -> Error {
        let (what, help) = match &self.token {
            None => (
                "asks for its token, and none was given",
                "name its file with --token-file or BLOCKADE_TOKEN_FILE, or set BLOCKADE_TOKEN; on the daemon's machine \
                 it lies in daemon.token in its data folder",
            ),
            Some(_) => (
                "has another token than the one that was given",
                "look at --token-file, BLOCKADE_TOKEN_FILE and BLOCKADE_TOKEN, of which the first that is given counts; \
                 on the daemon's machine the token lies in daemon.token in its data folder",
            ),
        };
        Error::usage(format!("the daemon at {} {what}", self.host)).help(help)
    }

    /// What answers is no daemon, or one of another time.
    pub(super) fn foreign(&self, why: &str) -> Error {
        Error::machine(format!("what answers at {} is no blockade daemon of this version: {why}", self.host))
            .help("look at --host, and run the same version of blockade on both machines")
    }
}

impl Coming {
    /// The next bytes; none at the end. May be given up and asked for again.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => return Err(Failure::Way(self.broken(&root_cause(&error)))),
            }
        }
    }

    /// All of it.
    async fn whole(self) -> Result<Bytes, Failure> {
        match Limited::new(self.body, ANSWER_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => {
                let message = format!("the connection to {} was lost in the middle of an answer: {error}", self.host);
                Err(Failure::Way(Error::machine(message)))
            }
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::machine(format!("the connection to {} was lost: {why}", self.host))
    }
}

/// As JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::new(ErrorKind::Machine, format!("no JSON: {error}")))
}

/// A piece of a path, percent-encoded; slashes stay.
pub(super) fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encoded("logs/n 1?#ä%.log"), "logs/n%201%3F%23%C3%A4%25.log");
    }
}
