//! One HTTP request over a connection that was made inside a namespace: for `http()` and `ready: {http: …}`.
//!
//! Whatever the network and the server do is an [`Answer`]: a refusal, silence, rubbish. No redirect is followed, no
//! connection kept, nothing tried twice, so that a script sees exactly what one client would have seen.

use super::probe::Connecting;
use crate::error::{Result, root_cause};
use crate::probe::http::{Answer, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The largest body of an answer: a script's texts hold it.
pub const BODY_BYTES_MAX: usize = 16 << 20;

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
        Err(error) => {
            return Err(format!("the connection was lost in the middle of the answer: {}", root_cause(&*error)));
        }
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
        return format!("the answer is no HTTP: {}", root_cause(error));
    }
    format!("the connection was lost before an answer came: {}", root_cause(error))
}

#[cfg(test)]
mod tests;
