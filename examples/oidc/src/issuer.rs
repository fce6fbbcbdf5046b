//! A token issuer in this process, in place of Keycloak, Auth0 or Entra: a discovery document, keys and signatures.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{Json, Router, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto::rust_crypto, errors::Error};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::AUDIENCE;

/// An issuer with one key.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Issuer {
    name: String,
    key: EncodingKey,
}

impl Issuer {
    /// Publishes an issuer's document and key on a free local port.
    ///
    /// # Errors
    ///
    /// If there is no free port, or the key cannot be generated.
    pub async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        // If other crates enable both providers, jsonwebtoken needs an explicit one; only the first call has an effect.
        let _installed_before = rust_crypto::DEFAULT_PROVIDER.install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // Plain HTTP is only accepted for issuers on this machine.
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

    /// The `iss` of its tokens.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Issues a token that is valid for an hour.
    ///
    /// # Errors
    ///
    /// If it cannot be signed.
    pub fn issue(&self, sub: &str, role: &str) -> Result<String, Error> {
        self.issue_as(&self.name, sub, role)
    }

    /// Issues a token in the name of `issuer`, which may be a different one.
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

/// The public key as a JWK (RFC 7518, section 6.2). The raw point is a byte for "uncompressed", then x and y.
fn public(pair: &KeyPair) -> Value {
    let (x, y) = pair.public_key_raw()[1..].split_at(32);
    let [x, y] = [x, y].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate));
    json!({"kid": "1", "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y})
}
