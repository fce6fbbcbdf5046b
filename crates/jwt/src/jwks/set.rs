//! A set of keys, read key by key.

use std::{collections::HashMap, sync::Arc};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use crate::keys::{Key, Named};

/// More keys than any issuer publishes.
const MOST: usize = 256;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The keys of a set that can be used; `None` if there is none.
pub(crate) fn read(json: &[u8]) -> Option<Named> {
    let set: Set = serde_json::from_slice(json).ok()?;
    let (mut named, mut nameless) = (HashMap::new(), Vec::new());
    if set.keys.len() > MOST {
        skipped(MOST, "it, and those behind it, are too many");
    }
    for (at, value) in set.keys.into_iter().take(MOST).enumerate() {
        match key(value) {
            Ok((Some(kid), key)) => {
                named.insert(kid, Arc::new(key));
            }
            Ok((None, key)) => nameless.push((at, Arc::new(key))),
            Err(why) => skipped(at, why),
        }
    }
    // A key without a name serves where it is the only one: of several, nobody knows which is meant.
    let alone = nameless.len() == 1 && named.is_empty();
    let only = nameless.pop_if(|_| alone).map(|(_, key)| key);
    for (at, _) in nameless {
        skipped(at, "it has no name (kid), and is not the only one");
    }
    (only.is_some() || !named.is_empty()).then(|| Named::new(named, only))
}

fn key(value: Value) -> Result<(Option<String>, Key), &'static str> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "unreadable")?;
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|of| *of != PublicKeyUse::Signature) {
        return Err("not for signatures (use)");
    }
    if common.key_operations.as_ref().is_some_and(|of| !of.contains(&KeyOperations::Verify)) {
        return Err("not for verifying (key_ops)");
    }
    let algorithm = match &common.key_algorithm {
        Some(named) => named.to_string().parse().map_err(|_| "not an algorithm for signatures (alg)")?,
        None => natural(&jwk.algorithm).ok_or("no algorithm for this kind of key")?,
    };
    fits(algorithm, &jwk.algorithm)?;
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| "unreadable")?;
    let key = Key::checked(algorithm, decoding).map_err(|_| "weak, or not of its algorithm's kind")?;
    Ok((jwk.common.key_id, key))
}

/// The algorithm of a key that does not say.
fn natural(parameters: &AlgorithmParameters) -> Option<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => Some(Algorithm::ES256),
            EllipticCurve::P384 => Some(Algorithm::ES384),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(key) => (key.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDSA),
        _ => None,
    }
}

fn fits(algorithm: Algorithm, parameters: &AlgorithmParameters) -> Result<(), &'static str> {
    let fits = match (algorithm, parameters) {
        // What anybody can read is no secret.
        (_, AlgorithmParameters::OctetKey(_)) => return Err("a secret, published"),
        (Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA, _) => natural(parameters) == Some(algorithm),
        (_, AlgorithmParameters::RSA(_)) => true,
        _ => false,
    };
    if fits { Ok(()) } else { Err("not of its algorithm's kind") }
}

fn skipped(at: usize, why: &str) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "portcullis", key = at, "a key of a token issuer is left out: {why}");
    let _ = (at, why);
}
