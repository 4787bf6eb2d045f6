//! `http()`: one request to a node, from another one or from the world. What was seen is journaled.

use super::super::host::Host;
use super::super::values::{self, known_keys, seconds};
use super::looking::{cut, observed, one};
use super::{Scripted, at_call};
use crate::engine::{Command, Reply};
use crate::fault::Party;
use crate::probe::http::{Answer, Request};
use crate::{Error, Result};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::json;
use std::rc::Rc;

/// How long an answer may take where the script says nothing.
const TIMEOUT_US: u64 = 5_000_000;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("http", move |node: Dynamic, request: Map| -> Scripted<Map> {
        at_call(http(&own, &node, &request))
    });
}

fn http(host: &Host, node: &Dynamic, options: &Map) -> Result<Map> {
    known_keys(options, &["port", "path", "method", "headers", "body", "timeout", "from"])?;
    let node = host.node(node)?;
    let source = options.get("from").map_or(Ok(Party::World), |from| one(host, from))?;
    let request = request(options)?;
    request.check()?;
    let target = format!("{source} → {node}:{}", request.port);
    let asked = json!({ "method": request.method, "path": cut(&request.path), "body": cut(&request.body) });
    match host.call(Command::Http { source, node, request })? {
        Reply::Http(answer) => {
            let (body, error) = match &answer.response {
                Ok(response) => (Some(cut(&response.body)), None),
                Err(error) => (None, Some(error)),
            };
            let result = json!({ "request": asked, "status": answer.status(), "body": body, "error": error,
                "took_us": answer.took_us });
            observed(host, "http", &target, result)?;
            Ok(answer_map(answer))
        }
        other => Err(other.odd()),
    }
}

fn request(options: &Map) -> Result<Request> {
    let word = |key: &str| options.get(key).map(|value| values::text(value, &format!("text for {key}"))).transpose();
    let Some(port) = options.get("port") else {
        return Err(Error::usage("the request has no port").help("like #{ port: 8080, path: \"/health\" }"));
    };
    let body = word("body").map_err(|error| error.help("a value as JSON is value.to_json()"))?;
    let usual = if body.is_some() { "POST" } else { "GET" };
    Ok(Request {
        port: values::port(port)?,
        method: word("method")?.map_or_else(|| usual.to_owned(), |method| method.to_ascii_uppercase()),
        path: word("path")?.unwrap_or_else(|| "/".to_owned()),
        headers: options.get("headers").map_or(Ok(Vec::new()), headers)?,
        body: body.unwrap_or_default(),
        timeout_us: options.get("timeout").map_or(Ok(TIMEOUT_US), values::duration_us)?,
    })
}

/// A value, or a list of them for a header that comes more than once.
fn headers(value: &Dynamic) -> Result<Vec<(String, String)>> {
    let Some(map) = value.read_lock::<Map>() else {
        return Err(values::expected("headers like #{ \"content-type\": \"text/plain\" }", value));
    };
    let mut headers = Vec::new();
    for (name, value) in map.iter() {
        let several = value.read_lock::<Array>().map(|list| list.clone());
        for value in several.unwrap_or_else(|| vec![value.clone()]) {
            headers.push((name.to_string(), header(name, &value)?));
        }
    }
    Ok(headers)
}

fn header(name: &str, value: &Dynamic) -> Result<String> {
    match value.as_int() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => values::text(value, &format!("text for the header {name:?}")),
    }
}

fn answer_map(answer: Answer) -> Map {
    let took = seconds(answer.took_us);
    let (status, body, error) = match answer.response {
        Ok(response) => (Some(response.status), response.body, None),
        Err(error) => (None, String::new(), Some(error)),
    };
    let mut map = Map::new();
    map.insert("ok".into(), status.is_some_and(|status| (200..300).contains(&status)).into());
    map.insert("status".into(), status.map_or(Dynamic::UNIT, |status| i64::from(status).into()));
    map.insert("body".into(), body.into());
    map.insert("error".into(), error.map_or(Dynamic::UNIT, Dynamic::from));
    map.insert("took".into(), took.into());
    map
}
