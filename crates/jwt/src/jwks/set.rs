//! A set of keys, read key by key.
//!
//! Issuers publish keys of kinds that this crate does not know, beside those that it needs. A key that cannot be used
//! is left out and reported, and does not make the others useless. Secrets and private keys are never taken.
//!
//! | Left out | Why |
//! | --- | --- |
//! | a symmetric key, or any `k` | any reader of the set could sign with it |
//! | a private key (`d`, `p`, ..) | the same; the issuer has published it by mistake |
//! | `use` other than `sig`, `key_ops` without `verify` | it was made for something else (RFC 7517, sections 4.2 and 4.3) |
//! | an unknown `kty` or `crv` | it may be one of the next version |
//! | a weak RSA key, or a point that is not on its curve | a signature by it proves nothing |
//! | one of several without a `kid` | it is unknown which of them a token means |
//!
//! Each is reported with its place in the set, once for each document, so an operator sees why a token of a published
//! key is refused.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    json::Present,
    keys::{Curve, Key, KeySet, Public},
};

/// More keys than any issuer publishes.
const MOST: usize = 256;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// The keys of a set that can be used, of which there may be none, and what is wrong with others.
#[derive(Default)]
pub(crate) struct Set {
    pub(crate) keys: KeySet,
    pub(crate) notes: Vec<Note>,
}

/// Something that is wrong with the key at a place of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

/// `None` if this is not a set of keys.
pub(crate) fn read(json: &[u8]) -> Option<Set> {
    let document: Document = serde_json::from_slice(json).ok()?;
    let (mut set, mut nameless) = (Set::default(), Vec::new());
    if document.keys.len() > MOST {
        set.note(MOST, "left out, with those behind it: too many");
    }
    for (at, value) in document.keys.into_iter().take(MOST).enumerate() {
        match key(value) {
            Ok((Some(kid), key)) => {
                if set.keys.insert(kid, key).is_some() {
                    set.note(at, "used in place of an earlier one with the same name (kid) and algorithm");
                }
            }
            Ok((None, key)) => nameless.push((at, key)),
            Err(why) => set.note(at, why),
        }
    }
    // A key without a name serves where it is the only one: of several, it is unknown which is meant.
    match nameless.pop() {
        Some((_, only)) if nameless.is_empty() && set.keys.is_empty() => set.keys = KeySet::only(only),
        last => {
            for (at, _) in nameless.into_iter().chain(last) {
                set.note(at, "left out: it has no name (kid), and is not the only one");
            }
        }
    }
    Some(set)
}

impl Set {
    fn note(&mut self, at: usize, what: &'static str) {
        self.notes.push(Note { at, what });
    }
}

/// RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private part of any key.
    d: Option<Present>,
    /// Those of an RSA key that may stand without `d`.
    p: Option<Present>,
    q: Option<Present>,
    dp: Option<Present>,
    dq: Option<Present>,
    qi: Option<Present>,
    oth: Option<Present>,
    /// A secret.
    k: Option<Present>,
}

fn key(value: Value) -> Result<(Option<String>, Key), &'static str> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "left out: unreadable")?;
    // What is published is not a secret, and a signature made with it proves nothing.
    if jwk.kty == "oct" || jwk.k.is_some() {
        return Err("left out: a secret, published");
    }
    if jwk.is_private() {
        return Err("left out: a private key, published");
    }
    if jwk.usage.as_ref().is_some_and(|usage| usage != "sig") {
        return Err("left out: not for signatures (use)");
    }
    if jwk.key_ops.as_ref().is_some_and(|operations| operations.iter().all(|of| of != "verify")) {
        return Err("left out: not for verifying (key_ops)");
    }
    let public = jwk.public().ok_or("left out: unreadable, or of an unknown kind (kty, crv)")?;
    let algorithm: Algorithm = match &jwk.alg {
        Some(alg) => alg.parse().map_err(|_| "left out: not an algorithm for signatures (alg)")?,
        None => public.natural(),
    };
    let key = Key::public(algorithm, &public).map_err(|_| "left out: weak, invalid, or not of its algorithm's kind")?;
    Ok((jwk.kid, key))
}

impl Jwk {
    fn is_private(&self) -> bool {
        [&self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth].into_iter().any(Option::is_some)
    }

    fn public(&self) -> Option<Public> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Some(Public::Rsa { modulus: number(self.n.as_ref())?, exponent: number(self.e.as_ref())? }),
            ("EC", Some("P-256")) => self.ec(Curve::P256),
            ("EC", Some("P-384")) => self.ec(Curve::P384),
            ("OKP", Some("Ed25519")) => Some(Public::Ed25519(number(self.x.as_ref())?)),
            _ => None,
        }
    }

    fn ec(&self, curve: Curve) -> Option<Public> {
        Some(Public::Ec { curve, x: number(self.x.as_ref())?, y: number(self.y.as_ref())? })
    }
}

fn number(text: Option<&String>) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok()
}
