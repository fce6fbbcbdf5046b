//! The page: files that are embedded in the program, and headers that isolate them.

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::Response,
    routing::get,
};

use crate::source;

/// The names of this machine, with any port. A request for another name may be the result of DNS rebinding.
pub(crate) const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

/// Only our own scripts, styles and requests.
const OWN: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; frame-src 'self'; \
     connect-src 'self' ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page with an opaque origin, in a frame of ours: to this server, it is like a page of another site.
const ELSEWHERE: &str = "sandbox allow-scripts; default-src 'none'; script-src 'self'; \
     connect-src ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; frame-ancestors 'self'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal is $file:literal, $kind:ident, $policy:ident;)*) => {
        [$(($path, include_str!(concat!("../page/", $file)), $kind, $policy)),*]
    };
}

/// The page's files.
pub(crate) fn routes() -> Router {
    let files = files! {
        "/" is "index.html", HTML, OWN;
        "/style.css" is "style.css", CSS, OWN;
        "/app.js" is "app.js", SCRIPT, OWN;
        "/client.js" is "client.js", SCRIPT, OWN;
        "/codes.js" is "codes.js", SCRIPT, OWN;
        "/mischief.js" is "mischief.js", SCRIPT, OWN;
        "/panel.js" is "panel.js", SCRIPT, OWN;
        "/reconnect.js" is "../../../crates/portcullis/docs/reconnect.js", SCRIPT, OWN;
        "/view.js" is "view.js", SCRIPT, OWN;
        "/elsewhere" is "elsewhere.html", HTML, ELSEWHERE;
        "/elsewhere.js" is "elsewhere.js", SCRIPT, ELSEWHERE;
    };
    let router = Router::new().route("/source", get((headers(HTML, OWN), source::page())));
    files
        .into_iter()
        .fold(router, |router, (path, text, kind, policy)| router.route(path, get((headers(kind, policy), text))))
}

fn headers(kind: &'static str, policy: &'static str) -> [(HeaderName, &'static str); 5] {
    [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ]
}

/// Accepts only requests for this machine by its own name: against DNS rebinding, for plain requests, which the origin
/// check does not cover.
pub(crate) async fn local_only(request: Request, next: Next) -> Result<Response, StatusCode> {
    if is_local(request.headers()) { Ok(next.run(request).await) } else { Err(StatusCode::MISDIRECTED_REQUEST) }
}

fn is_local(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    HOSTS.iter().any(|known| name.eq_ignore_ascii_case(known))
}
