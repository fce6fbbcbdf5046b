//! The page: files that are embedded in the program.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST},
    },
    middleware::Next,
    response::Response,
    routing::get,
};

use crate::source;

/// Only our own scripts, styles and requests.
const OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router {
    let files = [
        ("/", include_str!("../page/index.html"), "text/html; charset=utf-8"),
        ("/style.css", include_str!("../page/style.css"), "text/css; charset=utf-8"),
        ("/app.js", include_str!("../page/app.js"), "text/javascript; charset=utf-8"),
        ("/chart.js", include_str!("../page/chart.js"), "text/javascript; charset=utf-8"),
        ("/series.js", include_str!("../page/series.js"), "text/javascript; charset=utf-8"),
    ];
    let router = Router::new().route("/source", get((headers("text/html; charset=utf-8"), source::page())));
    files.into_iter().fold(router, |router, (path, text, kind)| router.route(path, get((headers(kind), text))))
}

fn headers(kind: &'static str) -> [(HeaderName, &'static str); 3] {
    [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, OWN), (CACHE_CONTROL, "no-cache")]
}

/// Accepts only requests for this machine by its own name: against DNS rebinding.
pub(crate) async fn local_only(request: Request, next: Next) -> Result<Response, StatusCode> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    if matches!(name, Some("127.0.0.1" | "localhost")) {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::MISDIRECTED_REQUEST)
    }
}
