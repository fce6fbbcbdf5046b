//! Several issuers behind one layer.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Request, Response};
use jsonwebtoken::Algorithm;
use portcullis_core::identity::Subject;
use portcullis_jwt::{
    JwtLayer, Key, Revocations, Session, TokenError, TokenId, Verified, Verifier, Verifiers, Verify,
    jwks::{Fetch, FetchError, FetchFuture, Jwks},
    verifier::BuildError,
    verifiers::VerifiersError,
};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

use crate::sign::{NOW, SECRET, now, public, sign};

const OURS: &str = "https://id.example";
const THEIRS: &str = "https://partner.example";
const ALIAS: &str = "partner.example";

fn ours() -> Verifier {
    Verifier::hs256(SECRET).issuer(OURS).audience("chat").clock(now).build().unwrap()
}

fn theirs() -> Verifier {
    let builder = Verifier::es256(public(Algorithm::ES256)).issuer(THEIRS).issuer_alias(ALIAS, THEIRS);
    builder.audience("chat").max_bytes(1024).clock(now).build().unwrap()
}

fn both() -> Verifiers {
    Verifiers::new([ours(), theirs()]).unwrap()
}

fn claims(issuer: &str, expires: u64) -> Value {
    json!({"iss": issuer, "aud": "chat", "sub": "alice", "jti": "7", "iat": NOW - 60, "exp": NOW + expires})
}

/// A token of each issuer's key.
fn our_token() -> String {
    sign(Algorithm::HS256, &claims(OURS, 60))
}

fn their_token() -> String {
    sign(Algorithm::ES256, &claims(THEIRS, 60))
}

async fn verify(verifiers: &Verifiers, token: &str) -> Result<Verified<Value>, TokenError> {
    verifiers.verify(token).await
}

#[tokio::test]
async fn an_issuers_key_is_trusted_for_its_own_tokens_only() {
    let without = {
        let mut claims = claims(OURS, 60);
        claims.as_object_mut().unwrap().remove("iss");
        claims
    };
    let of = |name: Value| {
        let mut claims = claims(OURS, 60);
        claims["iss"] = name;
        claims
    };
    let other = Verifier::key(Key::hmac(Algorithm::HS512, &[8; 64]).unwrap());
    let other = other.issuer("https://other.example").any_audience().clock(now).build().unwrap();
    let verifiers = Verifiers::new([ours(), theirs(), other]).unwrap();
    for (algorithm, claims, outcome) in [
        (Algorithm::HS256, claims(OURS, 60), Ok(OURS)),
        (Algorithm::ES256, claims(THEIRS, 60), Ok(THEIRS)),
        (Algorithm::ES256, claims(ALIAS, 60), Ok(THEIRS)),
        // In the name of another.
        (Algorithm::ES256, claims(OURS, 60), Err("algorithm")),
        (Algorithm::HS256, claims(THEIRS, 60), Err("algorithm")),
        (Algorithm::HS512, claims("https://other.example", 60), Err("signature")),
        (Algorithm::HS256, claims("https://id.example/", 60), Err("issuer")),
        (Algorithm::HS256, claims("", 60), Err("issuer")),
        (Algorithm::HS256, without, Err("no issuer")),
        (Algorithm::HS256, of(json!([OURS])), Err("not a JSON object, or an issuer that is not one string")),
    ] {
        let verified = verify(&verifiers, &sign(algorithm, &claims)).await;
        let named = verified.map(|verified| (verified.subject.unwrap(), verified.id.unwrap()));
        let expected = outcome.map_err(TokenError::Invalid);
        let expected = expected.map(|issuer| (Subject::of_issuer(issuer, "alice"), TokenId::of_issuer(issuer, "7")));
        assert_eq!(named, expected, "{algorithm:?} {claims}");
    }
}

#[tokio::test]
async fn a_token_is_as_long_as_its_own_verifier_allows() {
    let long = |issuer| {
        let mut claims = claims(issuer, 60);
        claims["fill"] = json!("x".repeat(2000));
        claims
    };
    let verifiers = both();
    assert_eq!(Verify::<Value>::max_bytes(&verifiers), 8 * 1024);
    assert!(verify(&verifiers, &sign(Algorithm::HS256, &long(OURS))).await.is_ok());
    let outcome = verify(&verifiers, &sign(Algorithm::ES256, &long(THEIRS))).await;
    assert_eq!(outcome.err(), Some(TokenError::Invalid("too long")));
    let outcome = verify(&verifiers, &"a".repeat(10_000_000)).await;
    assert_eq!(outcome.err(), Some(TokenError::Invalid("too long")));
}

/// Counts how often it is asked.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Fetch for Counted {
    fn fetch(&self, _: usize) -> FetchFuture<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(Err(FetchError::Timeout)))
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_issuer_costs_no_fetch() {
    let fetches = Counted::default();
    let published = Verifier::jwks(Jwks::new(fetches.clone())).issuer(THEIRS).audience("chat").clock(now);
    let verifiers = Verifiers::new([ours(), published.build().unwrap()]).unwrap();
    for at in 0..1000 {
        let token = sign(Algorithm::HS256, &claims(&format!("https://{at}.example"), 60));
        assert_eq!(verify(&verifiers, &token).await.err(), Some(TokenError::Invalid("issuer")));
        tokio::time::advance(Duration::from_secs(60)).await;
    }
    assert_eq!(fetches.0.load(Ordering::Relaxed), 0);
    assert_eq!(verify(&verifiers, &their_token()).await.err(), Some(TokenError::Unavailable));
    assert_eq!(fetches.0.load(Ordering::Relaxed), 1);
}

#[test]
fn what_cannot_be_chosen_by_the_issuer_is_an_error_when_built() {
    let any = || Verifier::hs256([9; 32]).any_issuer().any_audience().build().unwrap();
    let alias = || Verifier::hs256([9; 32]).issuer(ALIAS).any_audience().build().unwrap();
    for (verifiers, error) in [
        (vec![], VerifiersError::NoVerifier),
        (vec![any()], VerifiersError::AnyIssuer),
        (vec![ours(), any()], VerifiersError::AnyIssuer),
        (vec![ours(), ours()], VerifiersError::SameIssuer(OURS.to_owned())),
        (vec![theirs(), alias()], VerifiersError::SameIssuer(ALIAS.to_owned())),
    ] {
        assert_eq!(Verifiers::new(verifiers).unwrap_err(), error);
    }
    let builder = || Verifier::hs256([9; 32]).any_audience();
    for builder in [
        builder().issuer_alias("a", "b"),
        builder().issuer_alias("a", "b").issuer("c"),
        builder().issuer_alias("a", "b").issuer("a").issuer("b"),
        builder().issuer("b").issuer("c").issuer_alias("a", "b").issuer_alias("a", "c"),
        builder().issuer("b").issuer("c").issuer_alias("a", "c").issuer_alias("a", "b"),
    ] {
        assert_eq!(builder.build().unwrap_err(), BuildError::Alias);
    }
    assert!(builder().issuer_alias("a", "b").issuer_alias("a", "b").issuer("b").build().is_ok(), "said twice");
}

#[test]
fn the_latest_clock_ends_sessions() {
    let at = |seconds: u64| {
        let builder = Verifier::hs256([9; 32]).issuer(seconds.to_string()).any_audience();
        builder.clock(move || UNIX_EPOCH + Duration::from_secs(seconds)).build().unwrap()
    };
    let time: SystemTime = Verify::<Value>::now(&Verifiers::new([at(5), at(7), at(6)]).unwrap());
    assert_eq!(time, UNIX_EPOCH + Duration::from_secs(7));
}

/// A handshake with a token: the session that the handler finds.
async fn session(layer: &JwtLayer<Value>, token: &str) -> Result<Session<Value>, u16> {
    let inner = service_fn(|request: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(request.extensions().get::<Session<Value>>().cloned())))
    });
    let request = Request::get("/ws").header("upgrade", "websocket").header("authorization", format!("Bearer {token}"));
    let response = layer.layer(inner).oneshot(request.body(()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    response.into_body().ok_or(status)
}

#[tokio::test]
async fn tickets_of_one_name_and_two_issuers_are_two() {
    let layer = JwtLayer::new(both()).single_use(10).handshakes_only();
    assert!(session(&layer, &our_token()).await.is_ok());
    assert!(session(&layer, &their_token()).await.is_ok());
    assert_eq!(session(&layer, &our_token()).await.unwrap_err(), 401);
    assert_eq!(session(&layer, &their_token()).await.unwrap_err(), 401);
    // By its other name an issuer's ticket is the same.
    assert_eq!(session(&layer, &sign(Algorithm::ES256, &claims(ALIAS, 60))).await.unwrap_err(), 401);
}

#[tokio::test]
async fn a_revocation_is_of_one_issuer() {
    type Revoke = fn(&Revocations) -> usize;
    let by_subject: Revoke =
        |revocations| revocations.revoke_subject_issued_before(&Subject::of_issuer(THEIRS, "alice"), now()).here();
    let by_id: Revoke = |revocations| revocations.revoke_id(TokenId::of_issuer(THEIRS, "7")).here();
    for revoke in [by_subject, by_id] {
        let revocations = Revocations::new();
        let layer = JwtLayer::new(both()).revocations(revocations.clone());
        let alias = sign(Algorithm::ES256, &claims(ALIAS, 60));
        let [ours, theirs, aliased] = [our_token(), their_token(), alias.clone()];
        let ours = session(&layer, &ours).await.unwrap();
        let theirs = [session(&layer, &theirs).await.unwrap(), session(&layer, &aliased).await.unwrap()];
        assert_eq!(revoke(&revocations), 2);
        assert_eq!((ours.revoked(), theirs.each_ref().map(Session::revoked)), (false, [true; 2]));
        assert_eq!(session(&layer, &their_token()).await.unwrap_err(), 401);
        assert_eq!(session(&layer, &alias).await.unwrap_err(), 401);
        assert!(session(&layer, &our_token()).await.is_ok());
    }
}

#[tokio::test]
async fn a_session_is_renewed_by_its_own_issuer() {
    let layer = JwtLayer::new(both());
    let ours = session(&layer, &our_token()).await.unwrap();
    let refused = ours.renew(&sign(Algorithm::ES256, &claims(THEIRS, 600))).await;
    assert_eq!(refused, Err(TokenError::Forbidden("not a token of the same subject")));
    let ends = UNIX_EPOCH + Duration::from_secs(NOW + 600 + 30);
    assert_eq!(ours.renew(&sign(Algorithm::HS256, &claims(OURS, 600))).await, Ok(Some(ends)));
    let theirs = session(&layer, &their_token()).await.unwrap();
    assert_eq!(theirs.renew(&sign(Algorithm::ES256, &claims(ALIAS, 600))).await, Ok(Some(ends)));
    assert_eq!(theirs.subject(), Some(Subject::of_issuer(THEIRS, "alice")));
}

#[test]
fn no_key_is_shown() {
    let shown = format!("{:?}", both());
    assert!(shown.contains(OURS) && !shown.contains("secret"), "{shown}");
}
