use http::{Request, Response, StatusCode};
use portcullis_jwt::{JwtLayer, Session, Verifier};
use tower::{Layer, ServiceExt, service_fn};

# #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
let secret = [7; 32]; // of a random source
let verifier = Verifier::hs256(secret).issuer("https://id.example.com").audience("chat").build()?;
let greet = service_fn(async |request: Request<()>| {
    let session = request.extensions().get::<Session<serde_json::Value>>();
    Ok::<_, std::convert::Infallible>(Response::new(session.and_then(Session::subject)))
});
let service = JwtLayer::<serde_json::Value>::new(verifier).bearer().layer(greet);

let handshake = |authorization: String| {
    let request = Request::get("/ws").header("upgrade", "websocket").header("authorization", authorization);
    request.body(()).unwrap()
};
# let claims = serde_json::json!({"iss": "https://id.example.com", "aud": "chat", "sub": "alice", "exp": 4102444800_u64});
# let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
# let key = jsonwebtoken::EncodingKey::from_secret(&secret);
let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key)?;
let admitted = service.clone().oneshot(handshake(format!("Bearer {token}"))).await?;
assert_eq!(admitted.body().as_ref().map(|subject| subject.as_str()), Some("alice"));
let refused = service.oneshot(handshake(format!("Bearer {token}x"))).await?;
assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
assert_eq!(refused.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
# Ok(()) }
