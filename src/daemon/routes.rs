//! All routes, the gate around them, and the document that describes them.

use super::clusters::Daemon;
use super::gate::{self, Gate};
use super::{metrics, old, page, v1};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};
use std::sync::Arc;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
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
        .layer(middleware::from_fn_with_state(Arc::new(gate), gate::pass));
    Router::new().route("/healthz", get(|| async { (JSON, "{\"ok\":true}\n") })).merge(guarded)
}

/// The routes with their description, which comes from the handlers themselves.
fn documented() -> (Router<Arc<Daemon>>, OpenApi) {
    let info = InfoBuilder::new()
        .title("blockade")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Clusters that are up, and the faults in them. Errors are problem details (RFC 9457)."));
    let empty = OpenApiBuilder::new().info(info).build();
    let routes = OpenApiRouter::with_openapi(empty).merge(old::routes()).merge(v1::routes()).merge(metrics::routes());
    let (routes, mut described) = routes.split_for_parts();
    let components = described.components.get_or_insert_default();
    // Either will do: the token as it is, or as a password.
    let ways = [("token", HttpAuthScheme::Bearer), ("password", HttpAuthScheme::Basic)];
    described.security = Some(ways.iter().map(|(way, _)| SecurityRequirement::new(*way, [""; 0])).collect());
    for (way, scheme) in ways {
        components.add_security_scheme(way, SecurityScheme::Http(Http::new(scheme)));
    }
    (routes, described)
}
