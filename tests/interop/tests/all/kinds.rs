//! Checks the documented table of refusals against the refusals of all layers.

use std::time::{Duration, Instant};

use axum::Router;
use http::{Request, request::Parts};
use interop::observed::routes;
use portcullis_close::CloseLayer;
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::{
    CloseCode,
    identity::ClientIp,
    refusal::{Kind, Refusal},
    testing::Handshake,
};
use portcullis_jwt::{JwtLayer, TokenError, Verification, Verified, Verify};
use portcullis_liveness::Drain;
use portcullis_origin::OriginLayer;
use tower::ServiceExt;

const DOCUMENTED: &str = include_str!("../../../../crates/core/src/refusal/mod.rs");

/// Kind, status and code of each row.
fn documented() -> Vec<(String, u16, u16)> {
    let rows = DOCUMENTED.lines().filter(|line| line.starts_with("//! | `"));
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`'));
        let mut next = || cells.next().unwrap();
        (next().to_owned(), next().parse().unwrap(), next().parse().unwrap())
    })
    .collect()
}

fn parts(origins: &[&str]) -> Parts {
    let mut request = Request::get("/").header("upgrade", "websocket").header("host", "evil.example");
    for origin in origins {
        request = request.header("origin", *origin);
    }
    request.body(()).unwrap().into_parts().0
}

fn of_origins() -> Vec<Refusal> {
    let layer = OriginLayer::new(["https://ours.example"]).unwrap();
    let hosts = layer.clone().hosts(["ours.example"]).unwrap();
    let mut refusals = vec![
        layer.clone().deny_absent().admit(&parts(&[])).unwrap_err(),
        hosts.admit(&parts(&["https://ours.example"])).unwrap_err(),
    ];
    for origins in [&["file://"][..], &["nonsense"], &["null"], &["https://evil.example"], &["null", "null"]] {
        refusals.push(layer.admit(&parts(origins)).unwrap_err());
    }
    refusals
}

fn of_tokens() -> Vec<Refusal> {
    let errors = [
        TokenError::Missing,
        TokenError::Malformed(""),
        TokenError::Invalid(""),
        TokenError::Expired,
        TokenError::NotYetValid,
        TokenError::Revoked,
        TokenError::Used,
        TokenError::Forbidden(""),
        TokenError::Unavailable,
    ];
    errors.into_iter().map(TokenError::refusal).collect()
}

fn of_handshake_rates() -> Vec<Refusal> {
    let layer = || HandshakeRateLayer::per_second(1);
    let mut parts = parts(&[]);
    parts.extensions.insert(ClientIp([192, 0, 2, 1].into()));
    let refused = |layer: HandshakeRateLayer, parts: &Parts| {
        let now = Instant::now();
        layer.admit(parts, now).and_then(|()| layer.admit(parts, now)).unwrap_err()
    };
    vec![refused(layer(), &parts), refused(layer().per_client_ip(), &parts)]
}

async fn of(app: Router) -> Refusal {
    Handshake::new("/").connect(app).await.unwrap_err().refusal().unwrap().clone()
}

async fn of_connections() -> Vec<Refusal> {
    let layer = ConnectionLimitLayer::new;
    let one_key = layer().per_key(0, |_| Some("key"));
    let mut refusals = Vec::new();
    for layer in [layer().global(0), one_key, layer().unauthenticated(0), layer().require_subject()] {
        let located = ClientIp([192, 0, 2, 1].into());
        let app = routes().layer(layer).layer(axum::Extension(located));
        refusals.push(of(app).await);
    }
    let drain = Drain::new();
    drain.start().await;
    refusals.push(of(routes().layer(drain.layer())).await);
    let malformed = Handshake::new("/").header("connection", "x-upgrade-x").connect(routes().layer(layer())).await;
    refusals.push(malformed.unwrap_err().refusal().unwrap().clone());
    refusals
}

/// Refusals of plain requests.
async fn of_plain() -> Vec<Refusal> {
    let rate = HandshakeRateLayer::per_second(1).per_key(|_| Some("key"));
    let tokens = JwtLayer::<()>::new(Nameless).bearer().danger_cookie_of_any_page("session");
    let app = Router::new().fallback(async || "").layer(tokens).layer(rate);
    let mut refusals = Vec::new();
    for (method, header, value) in [
        ("POST", "cookie", "session=good"),
        ("GET", "authorization", "Bearer bad"),
        ("GET", "authorization", "Bearer bad"),
    ] {
        let request = Request::builder().method(method).header(header, value).body(axum::body::Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        refusals.extend(response.extensions().get::<Refusal>().cloned());
    }
    refusals.retain(|refusal| refusal.kind() != Kind::TOKEN_INVALID);
    refusals
}

/// Accepts one token, without a subject.
struct Nameless;

impl Verify<()> for Nameless {
    fn verify(&self, token: &str) -> Verification<()> {
        Verification::ready(if token == "good" { Ok(Verified::new(())) } else { Err(TokenError::Invalid("bad")) })
    }
}

/// What a `CloseLayer` closes with.
async fn code(refusal: &Refusal) -> CloseCode {
    if refusal.is_http_only() {
        return refusal.close_frame().unwrap().code().unwrap();
    }
    let refusal = refusal.clone();
    let refuse = axum::routing::any(move || std::future::ready(refusal.clone()));
    let app = Router::new().route("/", refuse).layer(CloseLayer::always());
    Handshake::new("/").connect(app).await.unwrap().closed().await.unwrap().code().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_kind_is_refused_as_it_is_documented() {
    let mut refusals = vec![Refusal::misconfigured("as a test has it"), Refusal::not_a_handshake()];
    refusals.push(Refusal::limits_unavailable(Duration::from_secs(5)));
    refusals.extend(of_origins());
    refusals.extend(of_tokens());
    refusals.extend(of_handshake_rates());
    refusals.extend(of_connections().await);
    refusals.extend(of_plain().await);
    let mut seen = Vec::new();
    for refusal in &refusals {
        let kind = refusal.kind().as_str().to_owned();
        seen.push((kind, refusal.status().as_u16(), code(refusal).await.as_u16()));
    }
    let mut documented = documented();
    documented.sort();
    seen.sort();
    assert_eq!(seen, documented);
    assert_eq!(documented.len(), Kind::ALL.len());
}
