//! The web page: plain files in the binary, served as they are. It speaks only to this daemon's own routes.
//!
//! Its policy lets it load nothing but these files and run nothing that is written into the page, so that a text that
//! somebody else wrote stays a text.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Where, what and which.
const FILES: [(&str, &str, &str); 15] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page.css", CSS, include_str!("page/page.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/page/actions.js", SCRIPT, include_str!("page/actions.js")),
    ("/page/api.js", SCRIPT, include_str!("page/api.js")),
    ("/page/cluster.js", SCRIPT, include_str!("page/cluster.js")),
    ("/page/clusters.js", SCRIPT, include_str!("page/clusters.js")),
    ("/page/dom.js", SCRIPT, include_str!("page/dom.js")),
    ("/page/forms.js", SCRIPT, include_str!("page/forms.js")),
    ("/page/graph.js", SCRIPT, include_str!("page/graph.js")),
    ("/page/panels.js", SCRIPT, include_str!("page/panels.js")),
    ("/page/run.js", SCRIPT, include_str!("page/run.js")),
    ("/page/runs.js", SCRIPT, include_str!("page/runs.js")),
    ("/page/timeline.js", SCRIPT, include_str!("page/timeline.js")),
    ("/page/trouble.js", SCRIPT, include_str!("page/trouble.js")),
];

/// Its files.
pub(super) fn routes() -> Router {
    FILES.into_iter().fold(Router::new(), |routes, (path, kind, text)| {
        let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY)];
        routes.route(path, get(move || async move { (headers, text) }))
    })
}
