//! All routes, and the gate around them.

use super::clusters::Daemon;
use super::gate::{self, Gate};
use super::{described, metrics, old, page, v1};
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

const JSON: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];

/// What the daemon answers. `/healthz` is the only thing that it tells strangers.
pub(super) fn all(daemon: Arc<Daemon>, gate: Gate) -> Router {
    let (routes, described) = documented();
    let document = serde_json::to_string_pretty(&described).unwrap_or_default();
    let guarded = routes
        .with_state(daemon)
        .merge(page::routes())
        .route("/v1/openapi.json", get(move || async move { (JSON, document).into_response() }))
        .fallback(|| async { StatusCode::NOT_FOUND })
        // The gate's own bound is the only one.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::new(gate), gate::pass));
    Router::new()
        .route("/healthz", get(|| async { (JSON, "{\"ok\":true}\n") }))
        .merge(guarded)
        .layer(middleware::from_fn(gate::frame))
}

/// The routes with their description, which comes from the handlers themselves.
fn documented() -> (Router<Arc<Daemon>>, OpenApi) {
    let all = [old::routes(), v1::routes(), metrics::routes()];
    let empty = OpenApiRouter::with_openapi(described::empty());
    let (routes, document) = all.into_iter().fold(empty, OpenApiRouter::merge).split_for_parts();
    (routes, described::finished(document))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::path::Path;

    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

    fn document() -> Value {
        serde_json::to_value(documented().1).unwrap()
    }

    /// All operations, each with its method and path.
    fn operations(document: &Value) -> Vec<(String, String, &Value)> {
        let of_path = |(path, item): (&String, &'static str)| (item.to_owned(), path.clone());
        let paths = document["paths"].as_object().unwrap();
        let all = paths.keys().flat_map(|path| METHODS.map(|method| of_path((path, method))));
        let all = all.map(|(method, path)| {
            let operation = &document["paths"][&path][&method];
            (method, path, operation)
        });
        all.filter(|(.., operation)| operation.is_object()).collect()
    }

    /// Every `$ref`, wherever it stands.
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 30, "{found:?}");
        for reference in found {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_what_each_answer_is() {
        let document = document();
        let mut ids = BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{method} {path}: {id} is another one's");
            for (code, answer) in operation["responses"].as_object().unwrap() {
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}: {code}");
            }
        }
        assert!(ids.len() > 50, "{ids:?}");
        for id in ["blockade_create", "clusters_create", "faults_heal_all", "runs_begin", "soaks_artifact", "metrics"] {
            assert!(ids.contains(id), "{id} is not among {ids:?}");
        }
    }

    #[test]
    fn every_name_in_a_path_is_declared_and_none_is_a_pattern() {
        let document = document();
        for (method, path, operation) in operations(&document) {
            assert!(!path.contains('*'), "{path}");
            let named: BTreeSet<&str> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let declared: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            assert_eq!(declared, named, "{method} {path}");
        }
    }

    /// What the document calls each type that it describes, from the sources: of two that it calls alike, it would
    /// describe one.
    fn names(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let derived = text.split("ToSchema)]").skip(1).filter(|rest| rest.starts_with('\n'));
                found.extend(derived.map(named));
            }
        }
    }

    fn named(rest: &str) -> String {
        let head: String =
            rest.lines().skip(1).take_while(|line| !line.starts_with("    ")).collect::<Vec<_>>().join(" ");
        let given = head.split_once("#[schema(as = ").map(|(_, given)| given);
        let declared = || head.split_once("struct ").or_else(|| head.split_once("enum ")).map(|(_, rest)| rest);
        let rest = given.or_else(declared).unwrap();
        rest.chars().take_while(|letter| letter.is_alphanumeric()).collect()
    }

    #[test]
    fn no_two_types_have_one_name_in_the_document() {
        let mut found = Vec::new();
        names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/daemon"), &mut found);
        assert!(found.len() > 40, "{found:?}");
        let document = document();
        let mut seen = BTreeSet::new();
        for name in &found {
            assert!(seen.insert(name), "two types are called {name}");
        }
        // What the sources seem to say is what the document has.
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(seen.contains(name), "{name} was not found in the sources");
        }
    }
}
