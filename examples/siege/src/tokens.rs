//! Tokens: how they are signed, how the guarded server verifies them, and how the bare one does by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Router,
    extract::{OriginalUri, Path, Request},
    http::{StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto};
use portcullis_connections::ConnectionLimitLayer;
use portcullis_core::identity::Subject;
use portcullis_jwt::{JwtLayer, Key, Keys, Revocations, TokenMessage, Verifier};
use serde_json::{Value, json};

use crate::Result;

const SECRET: &[u8; 32] = b"a secret of the siege, 32 bytes.";
const PUBLIC: &[u8] = include_bytes!("../keys/rsa.pub.pem");
const ISSUER: &str = "https://id.example";

/// How long a client may take to authenticate.
const FIRST: Duration = Duration::from_millis(500);

/// A token of alice for the chat, changed as an attack needs it.
pub(crate) fn token(change: impl FnOnce(&mut Value)) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut claims = json!({"iss": ISSUER, "aud": "chat", "sub": "alice", "iat": now, "exp": now + 3600});
    change(&mut claims);
    sign(&Header::new(Algorithm::HS256), &claims, SECRET)
}

/// A token that expires in `seconds`, or has already expired if that is negative.
pub(crate) fn expiring(seconds: i64) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    token(|claims| claims["exp"] = now.saturating_add_signed(seconds).into())
}

/// Signed with the public key of another algorithm, as if it were a secret.
pub(crate) fn confused() -> Result<String> {
    let header = Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) };
    sign(&header, &json!({"iss": ISSUER, "aud": "chat", "sub": "alice", "exp": 4_102_444_800_u64}), PUBLIC)
}

fn sign(header: &Header, claims: &Value, secret: &[u8]) -> Result<String> {
    Ok(jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret))?)
}

/// Verifies tokens of the chat.
pub(crate) fn verifier() -> Result<Verifier> {
    Ok(Verifier::hs256(SECRET).issuer(ISSUER).audience("chat").leeway(Duration::ZERO).build()?)
}

/// The same by hand, with the defaults of jsonwebtoken.
pub(crate) fn is_good(token: &str) -> bool {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_secret(SECRET), &validation).is_ok()
}

/// With several providers in the build, jsonwebtoken needs an explicit one.
pub(crate) fn install() {
    // Only the first call has an effect.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}

/// The guarded server's routes: `/private` accepts a token in the query or a subprotocol, and `/first` in the first
/// message.
pub(crate) fn guarded(private: Router, first: Router) -> Result<Router> {
    let keys =
        Keys::new([("hmac", Key::hmac(Algorithm::HS256, SECRET)?), ("rsa", Key::pem(Algorithm::RS256, PUBLIC)?)]);
    let by_name = Verifier::keys(keys).issuer(ISSUER).audience("chat").leeway(Duration::ZERO).build()?;
    let plain = verifier()?;
    let revocations = Revocations::new();
    let sources = |verifier| JwtLayer::<Value>::new(verifier).query("token").subprotocol("bearer");
    let layer = sources(plain.clone()).revocations(revocations.clone());
    let named = sources(by_name);
    let log = AccessLog::default();
    let private =
        Router::new()
            .nest("/named", log.around(private.clone()).layer(named))
            .merge(log.around(private).layer(layer))
            .merge(first.layer(ConnectionLimitLayer::new().unauthenticated(3)).layer(
                JwtLayer::<Value>::new(plain).first_message(TokenMessage::raw().timeout(FIRST)).handshakes_only(),
            ));
    let revoke = get(async move |Path(subject): Path<String>| {
        revocations.revoke_subject(&Subject::new(subject)).here();
    });
    Ok(private.merge(log.route()).route("/revoke/{subject}", revoke))
}

/// The same by hand, as applications do it: the token is checked once, with the defaults of jsonwebtoken.
pub(crate) fn bare(private: Router, first: Router) -> Router {
    let log = AccessLog::default();
    let private = log.around(private).layer(from_fn(checked));
    let revoke = get(async |Path(_): Path<String>| "the next handshake will be refused");
    let named = Router::new().nest("/named", private.clone());
    private.merge(named).merge(first).merge(log.route()).route("/revoke/{subject}", revoke)
}

async fn checked(request: Request, next: Next) -> Response {
    let token = presented(&request).unwrap_or_default();
    if is_good(token) { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}

fn presented(request: &Request) -> Option<&str> {
    let query = request.uri().query().unwrap_or_default();
    let offered = || request.headers().get(SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?.strip_prefix("bearer, ");
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).or_else(offered)
}

/// What an application's access log would record: the URI of each request.
#[derive(Clone, Default)]
struct AccessLog(Arc<AtomicBool>);

impl AccessLog {
    fn around(&self, app: Router) -> Router {
        let logged = self.0.clone();
        app.layer(from_fn(move |uri: OriginalUri, request: Request, next: Next| {
            let line = format!("{} {}", uri.0, request.uri());
            logged.fetch_or(line.contains("eyJ"), Ordering::Relaxed);
            next.run(request)
        }))
    }

    /// Whether a token was logged.
    fn route(&self) -> Router {
        let logged = self.0.clone();
        Router::new().route("/logged", get(async move || logged.load(Ordering::Relaxed).to_string()))
    }
}
