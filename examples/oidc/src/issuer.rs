//! An issuer of tokens in this process, as Keycloak, Auth0 or Entra are in earnest: a document, keys, and signatures.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::rust_crypto, errors::Error};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::AUDIENCE;

/// An issuer, with one key.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Issuer {
    name: String,
    key: EncodingKey,
}

impl Issuer {
    /// Publishes an issuer's document and its key on a free port of this machine.
    ///
    /// # Errors
    ///
    /// If there is no port, or no key.
    pub async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        // Where other crates switch both providers on, jsonwebtoken wants to be told; only the first call counts.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Plain http is for issuers on this machine alone.
        let name = format!("http://{}", listener.local_addr()?);
        let pair = KeyPair::generate()?;
        let document = json!({"issuer": name, "jwks_uri": format!("{name}/keys")});
        let keys = json!({"keys": [public(&pair)]});
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(async || Json(document)))
            .route("/keys", get(async || Json(keys)));
        tokio::spawn(async { axum::serve(listener, app).await });
        Ok(Self { name, key: EncodingKey::from_ec_der(pair.serialized_der()) })
    }

    /// What tokens have as `iss`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A token that is good for an hour.
    ///
    /// # Errors
    ///
    /// If it cannot be signed.
    pub fn issue(&self, sub: &str, role: &str) -> Result<String, Error> {
        self.issue_as(&self.name, sub, role)
    }

    /// A token in the name of an issuer, which may be another.
    ///
    /// # Errors
    ///
    /// If it cannot be signed.
    pub fn issue_as(&self, issuer: &str, sub: &str, role: &str) -> Result<String, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = json!({"iss": issuer, "aud": AUDIENCE, "sub": sub, "roles": [role], "exp": now + 3600});
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.key)
    }
}

/// A key as a JWK (RFC 7518, section 6.2): a point is a byte that says that it is not compressed, x, and y.
fn public(pair: &KeyPair) -> Value {
    let (x, y) = pair.public_key_raw()[1..].split_at(32);
    let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
    json!({"kid": "1", "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y})
}
