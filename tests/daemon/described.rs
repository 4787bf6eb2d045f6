//! The OpenAPI document against what the daemon takes: every body that it describes, sent wrongly.

use super::running::Running;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where a path leads in a daemon with the cluster `c1` of `n1`, `n2` and `n3`.
fn filled(path: &str) -> String {
    let names = [("{cluster}", "c1"), ("{name}", "c1"), ("{node}", "n1"), ("{command}", "k"), ("{run}", "r")];
    names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// A shape, whatever it is called.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => resolved(document, document.pointer(&reference[1..]).unwrap()),
        None => schema,
    }
}

/// The objects that a body may be: what a tag decides has one for each.
fn objects<'a>(document: &'a Value, schema: &'a Value) -> Vec<Vec<&'a Value>> {
    let schema = resolved(document, schema);
    if let Some(one_of) = schema["oneOf"].as_array() {
        return one_of.iter().flat_map(|schema| objects(document, schema)).collect();
    }
    let parts = schema["allOf"].as_array().map(|parts| parts.iter().flat_map(|part| objects(document, part)).flatten());
    vec![parts.map_or_else(|| vec![schema], Iterator::collect)]
}

fn keys(parts: &[&Value]) -> BTreeSet<String> {
    parts.iter().filter_map(|part| part["properties"].as_object()).flat_map(|keys| keys.keys().cloned()).collect()
}

fn required(parts: &[&Value]) -> BTreeSet<String> {
    let required = parts.iter().filter_map(|part| part["required"].as_array()).flatten();
    required.map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// The one key whose value says which object it is, with that value.
fn tag(parts: &[&Value]) -> Option<(String, Value)> {
    let mut properties = parts.iter().filter_map(|part| part["properties"].as_object()).flatten();
    let one = |schema: &Value| Some(schema["enum"].as_array().filter(|values| values.len() == 1)?[0].clone());
    properties.find_map(|(key, schema)| Some((key.clone(), one(schema)?)))
}

/// What stands in backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn a_body_has_the_keys_that_the_document_says_and_needs_those_that_it_says() {
    let running = Running::with_cluster("sim");
    let document = running.get("/v1/openapi.json");
    let mut looked_at = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            // The old tool's own file is a body, too, with keys of its own.
            if schema.is_null() || operation["operationId"] == "blockade_create" {
                continue;
            }
            for parts in objects(&document, schema) {
                let tag = tag(&parts);
                let refused = |key: Option<&str>| {
                    let members = tag.iter().cloned().chain(key.map(|key| (key.to_owned(), json!(1))));
                    let body = Value::Object(members.collect()).to_string();
                    running.ask(&method.to_uppercase(), &filled(path), &body)
                };
                let mut known = keys(&parts);
                let mut needed = required(&parts);
                if let Some((key, _)) = &tag {
                    assert!(known.remove(key) && needed.remove(key), "{method} {path}: {key}");
                }
                let answer = refused(Some("no such key")).with(400);
                assert!(answer.detail().ends_with("there is no key `no such key`"), "{method} {path}: {answer:?}");
                let help = answer.json()["help"].as_str().unwrap().to_owned();
                assert_eq!(quoted(&help), known, "{method} {path}: {help}");
                let answer = refused(None);
                match answer.json()["detail"].as_str().and_then(|detail| detail.strip_suffix("` is missing")) {
                    Some(missing) => {
                        assert!(needed.iter().any(|key| missing.ends_with(key)), "{method} {path}: {answer:?}");
                    }
                    None => assert_eq!(needed, BTreeSet::new(), "{method} {path}: {answer:?}"),
                }
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 20, "{looked_at}");
}

#[test]
fn a_body_is_an_object_and_a_query_has_the_keys_that_the_document_says() {
    let running = Running::with_cluster("sim");
    let document = running.get("/v1/openapi.json");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let (method, path) = (method.to_uppercase(), filled(path));
            let is_json = operation["requestBody"]["content"]["application/json"].is_object();
            if is_json && operation["operationId"] != "blockade_create" {
                for list in ["[]", r#"["stop", ["n1"]]"#, r#"[[["n1"], ["n2", "n3"]]]"#] {
                    let answer = running.ask(&method, &path, list).with(400);
                    assert_eq!(answer.detail(), "the body is a list, and should be an object", "{method} {path}");
                    assert_eq!(answer.json()["exit_code"], 2);
                }
                // `curl -d` declares a form, and the old tool looked at no declaration.
                let form = [("Content-Type", "application/x-www-form-urlencoded")];
                running.ask_with(&method, &path, &form, "[]").with(if path.starts_with("/v1") { 415 } else { 400 });
            }
            let parameters = operation["parameters"].as_array().unwrap();
            let known: BTreeSet<String> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                .collect();
            if !known.is_empty() {
                let answer = running.ask(&method, &format!("{path}?no-such-key=1"), "").with(400);
                assert_eq!(answer.detail(), "the query: there is no key `no-such-key`", "{method} {path}");
                assert_eq!(quoted(answer.json()["help"].as_str().unwrap()), known, "{method} {path}");
            }
        }
    }
    assert_eq!(running.get("/v1/clusters/c1/faults"), json!({ "faults": [] }));
}
