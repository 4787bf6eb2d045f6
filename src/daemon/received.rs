//! What a request brings, body and query: read into a handler's own type, strictly, and refused in a client's words.
//!
//! The one way in for both, so that what is refused is refused alike: a list for an object, an unknown key, a number for
//! text. The text becomes a [`given::Given`], that is read by [`reader`], and what is [`wrong`] knows its place.

mod given;
mod reader;
mod wrong;

use super::problem::Problem;
use crate::{Error, Result};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use given::Given;
use reader::read;
use serde::de::DeserializeOwned;

/// A body that must be declared as JSON.
pub(super) struct Body<T>(pub(super) T);

/// A body that is JSON, whatever it is declared as: the old tool looked at no declaration, and `curl -d` makes a wrong one.
pub(super) struct AnyBody<T>(pub(super) T);

/// The query.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let error = Error::usage("the body is not declared as JSON").help("send `Content-Type: application/json`");
            return Err(Problem::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error));
        }
        AnyBody::from_request(request, state).await.map(|AnyBody(body)| Self(body))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for AnyBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|refused| Problem::new(refused.status(), refused.body_text()))?;
        Ok(Self(json(&bytes)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(query(parts)?))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|declared| declared.to_str().ok()).unwrap_or_default();
    let kind = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// A body's value: an object, as all of them are.
pub(super) fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    if text.trim_ascii().is_empty() {
        return Err(Error::usage("the body is empty").help("send a JSON object"));
    }
    let given = serde_json::from_slice::<Given>(text);
    let given = given.map_err(|error| Error::usage(format!("the body cannot be read as JSON: {error}")))?;
    if !matches!(given, Given::Object(_)) {
        return Err(Error::usage(format!("the body is {given}, and should be an object")).help("send a JSON object"));
    }
    read(&given).map_err(|wrong| wrong.in_the("body"))
}

/// A query's value.
fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
    let pairs = pairs.map_err(|error| Error::usage(format!("the query cannot be read: {error}")))?;
    let members = pairs.0.into_iter().map(|(key, text)| (key, Given::Loose(text)));
    read(&Given::Object(members.collect())).map_err(|wrong| wrong.in_the("query"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        #[serde(default)]
        name: Option<String>,
        #[serde(default)]
        port: Option<u16>,
        #[serde(default)]
        share: Option<f64>,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        inners: Vec<Inner>,
        #[serde(default)]
        act: Option<Act>,
        #[serde(default)]
        words: BTreeMap<String, String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        is_so: bool,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    enum Act {
        Stop { nodes: Vec<String> },
        Rest {},
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Start,
        Stop,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        #[serde(default)]
        random: bool,
        seed: Option<u64>,
        word: Option<Word>,
    }

    fn body(text: &str) -> String {
        json::<Whole>(text.as_bytes()).map_or_else(|error| error.to_string(), |whole| format!("{whole:?}"))
    }

    fn asked(text: &str) -> Result<Asked> {
        let request = Request::builder().uri(format!("/x{text}")).body(()).unwrap();
        query(&request.into_parts().0)
    }

    #[test]
    fn what_is_right_is_read() {
        let text = r#"{ "name": "n", "port": 80, "share": 1, "inner": { "is_so": true }, "inners": [{ "is_so": false }],
            "act": { "nodes": ["n1"], "kind": "stop" }, "words": { "a": "b" } }"#;
        insta::assert_snapshot!(body(text), @r#"Whole { name: Some("n"), port: Some(80), share: Some(1.0), inner: Some(Inner { is_so: true }), inners: [Inner { is_so: false }], act: Some(Stop { nodes: ["n1"] }), words: {"a": "b"} }"#);
        assert_eq!(body(r#"{"name": null, "act": {"kind": "rest"}}"#).matches("None").count(), 4);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_in_no_words_of_rust() {
        let all = [
            "",
            "[1,",
            "{\"port\":\n  x}",
            r#"[["n"], 80]"#,
            "null",
            "7",
            r#"{"nam": "n"}"#,
            r#"{"nothing_like_it": "n"}"#,
            r#"{"name": 7}"#,
            r#"{"name": "n", "name": "m"}"#,
            r#"{"port": 65536}"#,
            r#"{"port": -1}"#,
            r#"{"port": "80"}"#,
            r#"{"share": "much"}"#,
            r#"{"inner": [true]}"#,
            r#"{"inner": {}}"#,
            r#"{"inners": [{"is_so": true}, [true]]}"#,
            r#"{"inners": {"is_so": true}}"#,
            r#"{"inners": [{"is_so": "yes"}]}"#,
            r#"{"act": ["stop", ["n1"]]}"#,
            r#"{"act": {"nodes": ["n1"]}}"#,
            r#"{"act": {"kind": "stpo"}}"#,
            r#"{"act": {"kind": 0, "nodes": ["n1"]}}"#,
            r#"{"act": {"kind": "stop", "nodes": "n1"}}"#,
            r#"{"act": {"kind": "stop", "nodes": ["n1"], "node": "n1"}}"#,
            r#"{"act": {"kind": "rest", "nodes": []}}"#,
            r#"{"words": [["a", "b"]]}"#,
            r#"{"words": {"a": {}}}"#,
        ];
        insta::assert_snapshot!(all.map(body).join("\n"), @r#"
        the body is empty (send a JSON object)
        the body cannot be read as JSON: EOF while parsing a value at line 1 column 3
        the body cannot be read as JSON: expected value at line 2 column 3
        the body is a list, and should be an object (send a JSON object)
        the body is null, and should be an object (send a JSON object)
        the body is 7, and should be an object (send a JSON object)
        the body: there is no key `nam` (did you mean `name`? the keys are `name`, `port`, `share`, `inner`, `inners`, `act`, `words`)
        the body: there is no key `nothing_like_it` (the keys are `name`, `port`, `share`, `inner`, `inners`, `act`, `words`)
        the body, at `name`: 7 stands where text should
        the body: the key `name` is given twice
        the body, at `port`: 65536 stands where a whole number from 0 to 65535 should
        the body, at `port`: -1 stands where a whole number from 0 to 65535 should
        the body, at `port`: "80" stands where a whole number from 0 to 65535 should
        the body, at `share`: "much" stands where a number should
        the body, at `inner`: a list stands where an object should
        the body, at `inner`: the key `is_so` is missing
        the body, at `inners[1]`: a list stands where an object should
        the body, at `inners`: an object stands where a list should
        the body, at `inners[0].is_so`: "yes" stands where true or false should
        the body, at `act`: a list stands where an object should
        the body, at `act`: the key `kind` is missing
        the body, at `act.kind`: `stpo` is not known here (did you mean `stop`? the words are `stop`, `rest`)
        the body, at `act.kind`: 0 stands where text should
        the body, at `act.nodes`: "n1" stands where a list should
        the body, at `act`: there is no key `node` (did you mean `nodes`? the keys are `nodes`)
        the body, at `act`: there is no key `nodes` (there are no other keys here)
        the body, at `words`: a list stands where an object should
        the body, at `words.a`: an object stands where text should
        "#);
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = "ä".repeat(10_000);
        for text in [
            format!(r#"{{"{long}": 1}}"#),
            format!(r#"{{"port": "{long}"}}"#),
            format!(r#"{{"words": {{"{long}": 1}}}}"#),
            format!(r#"{{"act": {{"kind": "{long}"}}}}"#),
        ] {
            assert!(body(&text).len() < 600, "{}", body(&text));
        }
    }

    #[test]
    fn a_query_means_what_the_old_tool_took_for_it() {
        let random = |query: &str| asked(query).map(|asked| asked.random).map_err(|error| error.to_string());
        for yes in ["?random", "?random=", "?random=1", "?random=true", "?random=True"] {
            assert_eq!(random(yes), Ok(true), "{yes}");
        }
        for no in ["", "?", "?random=0", "?random=false", "?random=False"] {
            assert_eq!(random(no), Ok(false), "{no}");
        }
        let wrong = ["?random=maybe", "?random=1&random=1", "?seed=x", "?seed=-1", "?sed=1", "?word=stpo", "?seed=%ff"];
        let told = wrong.map(|query| asked(query).map_or_else(|error| error.to_string(), |asked| format!("{asked:?}")));
        insta::assert_snapshot!(told.join("\n"), @r#"
        the query, at `random`: "maybe" stands where true or false should
        the query: the key `random` is given twice
        the query, at `seed`: "x" stands where a whole number from 0 should
        the query, at `seed`: "-1" stands where a whole number from 0 should
        the query: there is no key `sed` (did you mean `seed`? the keys are `random`, `seed`, `word`)
        the query, at `word`: `stpo` is not known here (did you mean `stop`? the words are `start`, `stop`)
        the query, at `seed`: "�" stands where a whole number from 0 should
        "#);
        assert_eq!(asked("?seed=7&word=stop").unwrap(), Asked { random: false, seed: Some(7), word: Some(Word::Stop) });
    }

    #[test]
    fn a_declaration_of_json_may_have_more_to_it() {
        let declared = |kind: &str| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())]));
        for kind in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"] {
            assert!(declared(kind), "{kind}");
        }
        assert!(!declared("application/x-www-form-urlencoded") && !declared("") && !is_json(&HeaderMap::new()));
    }
}
