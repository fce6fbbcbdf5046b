//! Handshakes with tokens: the layer against a handler that calls jsonwebtoken itself.

use std::{
    future::Future,
    io,
    pin::pin,
    task::{Context, Waker},
    time::Instant,
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto, decode, encode};
use portcullis_core::GuardLayer;
use portcullis_jwt::{JwtLayer, Key, Verifier, Verify};
use serde_json::{Value, json};

use crate::{
    duplex,
    plan::Plan,
    report, runtime,
    side::Side,
    stats::{Round, Spread},
};

/// How many are timed together.
const VERIFICATIONS: u32 = 200;

const SECRET: &[u8; 32] = b"thirty-two bytes for this alone!";

/// An algorithm, and its keys.
struct Signed {
    name: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: &'static [u8],
}

/// Prints how many handshakes a second each way takes, and what a refusal costs beside a verification.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    // With more than one provider in the build, jsonwebtoken has to be given one; a second call changes nothing.
    let _installed_before = crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    report::tokens_head();
    for signed in all()? {
        let token = token(&signed)?;
        let ways = [by_hand(&signed), by_hand(&signed).layer(GuardLayer::new()), by_layer(&signed)?];
        report::speed(signed.name, &rounds(plan, &ways, &token, 101)?);
        if signed.algorithm == Algorithm::RS256 {
            let refused = token.replacen("eyJ", "eyK", 1);
            report::speed("RS256, refused early", &rounds(plan, &ways, &refused, 401)?);
            report::refusal(costs(plan, &verifier(&signed)?, &token, &refused));
        }
    }
    Ok(())
}

fn all() -> io::Result<[Signed; 4]> {
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("../../jwt/tests/keys/rsa2048.pem"));
    let ec = EncodingKey::from_ec_pem(include_bytes!("../../jwt/tests/keys/es256.pem"));
    let ed = EncodingKey::from_ed_pem(include_bytes!("../../jwt/tests/keys/ed25519.pem"));
    let signed = |name, algorithm, private, public| Signed { name, algorithm, private, public };
    Ok([
        signed("HS256", Algorithm::HS256, EncodingKey::from_secret(SECRET), SECRET),
        signed(
            "ES256",
            Algorithm::ES256,
            ec.map_err(io::Error::other)?,
            include_bytes!("../../jwt/tests/keys/es256.pub.pem"),
        ),
        signed(
            "RS256",
            Algorithm::RS256,
            rsa.map_err(io::Error::other)?,
            include_bytes!("../../jwt/tests/keys/rsa2048.pub.pem"),
        ),
        signed(
            "EdDSA",
            Algorithm::EdDSA,
            ed.map_err(io::Error::other)?,
            include_bytes!("../../jwt/tests/keys/ed25519.pub.pem"),
        ),
    ])
}

fn token(signed: &Signed) -> io::Result<String> {
    let claims = json!({"iss": "bench", "aud": "bench", "sub": "alice", "exp": 4_102_444_800_u64});
    encode(&Header::new(signed.algorithm), &claims, &signed.private).map_err(io::Error::other)
}

fn by_hand(signed: &Signed) -> Router {
    let (algorithm, public) = (signed.algorithm, signed.public);
    let key = match algorithm {
        Algorithm::HS256 => Ok(DecodingKey::from_secret(public)),
        Algorithm::ES256 => DecodingKey::from_ec_pem(public),
        Algorithm::EdDSA => DecodingKey::from_ed_pem(public),
        _ => DecodingKey::from_rsa_pem(public),
    };
    let key = std::sync::Arc::new(key.expect("the test keys are readable"));
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&["bench"]);
    validation.set_audience(&["bench"]);
    let validation = std::sync::Arc::new(validation);
    crate::server::router(Side::Bare).layer(from_fn(move |request: Request, next: Next| {
        let (key, validation) = (key.clone(), validation.clone());
        async move { if is_good(&request, &key, &validation) { next.run(request).await } else { refused() } }
    }))
}

fn is_good(request: &Request, key: &DecodingKey, validation: &Validation) -> bool {
    let value = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    decode::<Value>(token, key, validation).is_ok()
}

fn refused() -> Response {
    StatusCode::UNAUTHORIZED.into_response()
}

fn verifier(signed: &Signed) -> io::Result<Verifier> {
    let key = match signed.algorithm {
        Algorithm::HS256 => Key::hmac(Algorithm::HS256, signed.public),
        algorithm => Key::pem(algorithm, signed.public),
    };
    let builder = Verifier::key(key.map_err(io::Error::other)?).issuer("bench").audience("bench");
    builder.build().map_err(io::Error::other)
}

fn by_layer(signed: &Signed) -> io::Result<Router> {
    Ok(crate::server::router(Side::Bare).layer(JwtLayer::<Value>::new(verifier(signed)?)))
}

/// Handshakes a second each way, interleaved.
pub(crate) fn rounds(plan: &Plan, ways: &[Router; 3], token: &str, status: u16) -> io::Result<Vec<Round>> {
    (0..plan.rounds)
        .map(|round| {
            let mut rates = Round::default();
            for turn in 0..ways.len() {
                let way = (round + turn) % ways.len();
                rates[way] = rate(plan, &ways[way], token, status)?;
            }
            Ok(rates)
        })
        .collect()
}

/// Handshakes a second, over a pipe in memory.
fn rate(plan: &Plan, way: &Router, token: &str, status: u16) -> io::Result<f64> {
    runtime::new()?.block_on(async {
        let (start, mut done) = (Instant::now(), 0_u32);
        while start.elapsed() < plan.span / 2 {
            let answered = duplex::handshake(way.clone(), &format!("Authorization: Bearer {token}\r\n")).await?;
            if answered != status {
                return Err(io::Error::other(format!("the server answered with {answered}")));
            }
            done += 1;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    })
}

/// Microseconds of a verification, and of a refusal for a cheap reason.
fn costs(plan: &Plan, verifier: &Verifier, good: &str, bad: &str) -> [Spread; 2] {
    [good, bad].map(|token| {
        Spread::of((0..plan.rounds).map(|_| {
            let start = Instant::now();
            for _ in 0..VERIFICATIONS {
                // Keys that are there verify at once.
                let _done =
                    pin!(Verify::<Value>::verify(verifier, token)).poll(&mut Context::from_waker(Waker::noop()));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(VERIFICATIONS)
        }))
    })
}
