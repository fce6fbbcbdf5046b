//! Keys that an issuer publishes, on a paused clock.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Header, jwk::Jwk};
use portcullis_jwt::{
    TokenError, Verified, Verifier, Verify,
    jwks::{Fetch, FetchError, Fetched, Jwks},
};
use serde_json::{Value, json};

use crate::sign::{self, claims, now, private, sign_as};

/// An issuer that answers as a test says.
#[derive(Clone, Default)]
struct Issuer {
    answer: Arc<Mutex<Answer>>,
    fetches: Arc<AtomicUsize>,
}

#[derive(Clone, Default)]
enum Answer {
    #[default]
    Down,
    Silent,
    Redirect,
    Panics,
    Set(Vec<Value>),
    Text(Vec<u8>),
}

impl Fetch for Issuer {
    fn fetch(&self, _: usize) -> Fetched<'_> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match answer {
                Answer::Down => Err(FetchError::Failed("connection refused".into())),
                Answer::Silent => std::future::pending().await,
                Answer::Redirect => Err(FetchError::Status(302)),
                Answer::Panics => std::panic::resume_unwind(Box::new("a bug of the user's")),
                Answer::Set(keys) => Ok(json!({"keys": keys}).to_string().into_bytes()),
                Answer::Text(text) => Ok(text),
            }
        })
    }
}

impl Issuer {
    fn publish(&self, keys: &[Value]) {
        self.answers(Answer::Set(keys.to_vec()));
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    fn verifier(&self) -> Verifier {
        let builder = Verifier::jwks(Jwks::new(self.clone()));
        builder.issuer("https://id.example").audience("chat").clock(now).build().unwrap()
    }
}

fn jwk(kid: &str, algorithm: Algorithm) -> Value {
    let _installed_before = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&private(algorithm), algorithm).unwrap()).unwrap();
    jwk["kid"] = kid.into();
    jwk
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    jwk[name] = value;
    jwk
}

fn token(kid: &str, algorithm: Algorithm) -> String {
    sign_as(&Header { kid: Some(kid.into()), ..Header::new(algorithm) }, &claims())
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Verified<Value>, TokenError> {
    verifier.verify(token).await
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_handshakes_at_once_are_one_fetch() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let (verifier, token) = (issuer.verifier(), token("a", Algorithm::ES256));
    let all: Vec<_> = (0..1000).map(|_| tokio::spawn(Verify::<Value>::verify(&verifier, &token))).collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_fails_nobody() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("old", Algorithm::ES256)]);
    let verifier = issuer.verifier();
    verify(&verifier, &token("old", Algorithm::ES256)).await.unwrap();
    pass(Duration::from_secs(60)).await;
    issuer.publish(&[jwk("old", Algorithm::ES256), jwk("new", Algorithm::EdDSA)]);
    let new = token("new", Algorithm::EdDSA);
    let all: Vec<_> = (0..100).map(|_| tokio::spawn(Verify::<Value>::verify(&verifier, &new))).collect();
    verify(&verifier, &token("old", Algorithm::ES256)).await.unwrap();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn random_names_are_not_requests_to_the_issuer() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let verifier = issuer.verifier();
    verify(&verifier, &token("a", Algorithm::ES256)).await.unwrap();
    pass(Duration::from_secs(31)).await;
    let began = tokio::time::Instant::now();
    for at in 0..10_000 {
        let header = sign::encode(format!(r#"{{"alg":"ES256","kid":"random-{at}"}}"#));
        let outcome = verify(&verifier, &format!("{header}.e30.AAAA")).await;
        assert_eq!(outcome.err(), Some(TokenError::Invalid("unknown key")));
    }
    assert_eq!(issuer.fetches(), 2, "one for all of them");
    assert!(began.elapsed() < Duration::from_secs(1), "only the first waits");
}

#[tokio::test(start_paused = true)]
async fn a_known_key_of_another_algorithm_is_not_asked_for() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let verifier = issuer.verifier();
    verify(&verifier, &token("a", Algorithm::ES256)).await.unwrap();
    pass(Duration::from_secs(31)).await;
    let outcome = verify(&verifier, &token("a", Algorithm::EdDSA)).await;
    assert_eq!(outcome.err(), Some(TokenError::Invalid("algorithm")));
    pass(Duration::from_secs(1)).await;
    assert_eq!(issuer.fetches(), 1, "a fetch would not change it");
    verify(&verifier, &token("b", Algorithm::EdDSA)).await.unwrap_err();
    assert_eq!(issuer.fetches(), 2, "an unknown name is asked for at the same time");
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_while_the_issuer_is_down() {
    let issuer = Issuer::default();
    let verifier = issuer.verifier();
    let token = token("a", Algorithm::ES256);
    assert_eq!(verify(&verifier, &token).await.err(), Some(TokenError::Unavailable));
    assert_eq!(verify(&verifier, &token).await.err(), Some(TokenError::Unavailable));
    assert_eq!(issuer.fetches(), 1, "not at once again");
    pass(Duration::from_secs(1)).await;
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    verify(&verifier, &token).await.unwrap();
    for answer in
        [Answer::Down, Answer::Silent, Answer::Redirect, Answer::Text(b"<html>".to_vec()), Answer::Set(Vec::new())]
    {
        issuer.answers(answer);
        pass(Duration::from_secs(700)).await;
        verify(&verifier, &token).await.unwrap();
        pass(Duration::from_secs(10)).await;
        verify(&verifier, &token).await.unwrap();
    }
    assert_eq!(issuer.fetches(), 7, "each was fetched in the background");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_slow_or_sends_too_much_is_given_up() {
    for answer in [Answer::Silent, Answer::Text(vec![b' '; 256 * 1024 + 1]), Answer::Redirect, Answer::Panics] {
        let issuer = Issuer::default();
        issuer.answers(answer);
        let (verifier, began) = (issuer.verifier(), tokio::time::Instant::now());
        assert_eq!(verify(&verifier, &token("a", Algorithm::ES256)).await.err(), Some(TokenError::Unavailable));
        assert!(began.elapsed() <= Duration::from_millis(5001));
        issuer.publish(&[jwk("a", Algorithm::ES256)]);
        pass(Duration::from_secs(1)).await;
        verify(&verifier, &token("a", Algorithm::ES256)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_gives_up_does_not_end_the_fetch() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let (verifier, token) = (issuer.verifier(), token("a", Algorithm::ES256));
    let impatient = tokio::time::timeout(Duration::from_millis(10), verify(&verifier, &token)).await;
    assert!(impatient.is_err());
    verify(&verifier, &token).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_one_key_does_not_spoil_the_set() {
    let es256 = || jwk("bad", Algorithm::ES256);
    let secret = json!({"kty": "oct", "kid": "bad", "alg": "HS256", "k": BASE64_URL_SAFE_NO_PAD.encode(sign::SECRET)});
    let short = BASE64_URL_SAFE_NO_PAD.encode([0xff; 128]);
    for (bad, algorithm) in [
        (secret, Algorithm::HS256),
        (with(es256(), "use", json!("enc")), Algorithm::ES256),
        (with(es256(), "key_ops", json!(["sign"])), Algorithm::ES256),
        (with(es256(), "alg", json!("ES384")), Algorithm::ES384),
        (with(es256(), "alg", json!("RS256")), Algorithm::RS256),
        (with(es256(), "alg", json!("ECDH-ES")), Algorithm::ES256),
        (with(es256(), "x", json!("AAAA")), Algorithm::ES256),
        (with(es256(), "crv", json!("P-521")), Algorithm::ES256),
        (with(jwk("bad", Algorithm::RS256), "n", json!(short)), Algorithm::RS256),
        (with(jwk("bad", Algorithm::RS256), "e", json!("AQ")), Algorithm::RS256),
        (json!({"kty": "EC", "kid": "bad"}), Algorithm::ES256),
        (json!(7), Algorithm::ES256),
    ] {
        let issuer = Issuer::default();
        issuer.publish(&[bad.clone(), jwk("good", Algorithm::ES256)]);
        let verifier = issuer.verifier();
        verify(&verifier, &token("good", Algorithm::ES256)).await.unwrap();
        let outcome = verify(&verifier, &token("bad", algorithm)).await;
        assert_eq!(outcome.err(), Some(TokenError::Invalid("unknown key")), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_used_as_they_say() {
    for (key, algorithm) in [
        (jwk("a", Algorithm::RS256), Algorithm::RS256),
        (with(jwk("a", Algorithm::RS256), "alg", json!("PS384")), Algorithm::PS384),
        (with(jwk("a", Algorithm::ES384), "use", json!("sig")), Algorithm::ES384),
        (with(jwk("a", Algorithm::EdDSA), "key_ops", json!(["verify"])), Algorithm::EdDSA),
    ] {
        let issuer = Issuer::default();
        issuer.publish(std::slice::from_ref(&key));
        let verifier = issuer.verifier();
        verify(&verifier, &token("a", algorithm)).await.unwrap();
        let mut nameless = key;
        nameless.as_object_mut().unwrap().remove("kid");
        nameless.as_object_mut().unwrap().remove("alg");
        let issuer = Issuer::default();
        issuer.publish(&[nameless]);
        let natural = matches!(algorithm, Algorithm::PS384).then_some(TokenError::Invalid("algorithm"));
        assert_eq!(verify(&issuer.verifier(), &token("any", algorithm)).await.err(), natural);
    }
}

#[test]
fn a_fetch_that_its_runtime_never_ran_is_begun_anew() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let (verifier, token) = (issuer.verifier(), token("a", Algorithm::ES256));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let first = runtime();
    let entered = first.enter();
    drop(Verify::<Value>::verify(&verifier, &token));
    drop(entered);
    drop(first);
    assert_eq!(issuer.fetches(), 0, "its task was never polled");
    runtime().block_on(async {
        pass(Duration::from_secs(2)).await;
        verify(&verifier, &token).await.unwrap();
    });
    assert_eq!(issuer.fetches(), 1);
}
