//! Keys and tokens with the verdict on each, which is the same whichever provider computes signatures.
//!
//! table.json was made with Node's crypto module and OpenSSL. Its keys are public, and only for these tests.

use std::fmt::Write;

use jsonwebtoken::Algorithm;
use portcullis_jwt::{
    Key, Verifier, Verify,
    jwks::{Fetch, FetchFuture, Jwks},
    verifier::KeyError,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The provider in use: the faster one if both are compiled in.
const PROVIDER: &str = if cfg!(feature = "ours_aws") { "aws_lc_rs" } else { "rust_crypto" };

#[derive(Deserialize)]
struct Row {
    name: String,
    kind: Kind,
    alg: Algorithm,
    key: Value,
    token: String,
    /// The verdict on the token, or on the key if it is invalid.
    verdict: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Secret,
    Pem,
    /// The only key of a set that an issuer publishes.
    Jwk,
}

#[tokio::test]
async fn every_provider_decides_alike() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("table.json")).unwrap();
    let mut table = format!("keys and tokens under {PROVIDER}:\n");
    let mut otherwise = Vec::new();
    for row in &rows {
        let verdict = row.verdict().await;
        writeln!(table, "{:<46} {verdict}", row.name).unwrap();
        if verdict != row.verdict {
            otherwise.push(format!("{}: {verdict}, and not: {}", row.name, row.verdict));
        }
    }
    println!("{table}");
    assert!(otherwise.is_empty(), "under {PROVIDER}: {otherwise:#?}");
}

impl Row {
    async fn verdict(&self) -> String {
        let verifier = match self.verifier() {
            Ok(verifier) => verifier,
            Err(error) => return error.to_string(),
        };
        match Verify::<Value>::verify(&verifier, &self.token).await {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn verifier(&self) -> Result<Verifier, KeyError> {
        let text = self.key.as_str().unwrap_or_default().as_bytes();
        let builder = match self.kind {
            Kind::Secret => Verifier::key(Key::hmac(self.alg, text)?),
            Kind::Pem => Verifier::key(Key::pem(self.alg, text)?),
            Kind::Jwk => Verifier::jwks(Jwks::new(Published(self.key.clone()))),
        };
        Ok(builder.any_issuer().any_audience().without_expiry().build().unwrap())
    }
}

/// An issuer with one key.
struct Published(Value);

impl Fetch for Published {
    fn fetch(&self, _: usize) -> FetchFuture<'_> {
        Box::pin(async { Ok(json!({"keys": [self.0]}).to_string().into_bytes()) })
    }
}
