//! Keys that an issuer publishes, on a paused clock.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
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
    jwks::{Fetch, FetchError, FetchFuture, Jwks},
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
    fn fetch(&self, _: usize) -> FetchFuture<'_> {
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
        verifier(Jwks::new(self.clone()))
    }
}

fn verifier(jwks: Jwks) -> Verifier {
    Verifier::jwks(jwks).issuer("https://id.example").audience("chat").clock(now).build().unwrap()
}

pub(crate) fn jwk(kid: &str, algorithm: Algorithm) -> Value {
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
    let not_a_set = |text: &str| Answer::Text(text.as_bytes().to_vec());
    for answer in [Answer::Down, Answer::Silent, Answer::Redirect, not_a_set("<html>"), not_a_set(r#"{"key":[]}"#)] {
        issuer.answers(answer);
        pass(Duration::from_secs(700)).await;
        verify(&verifier, &token).await.unwrap();
        pass(Duration::from_secs(10)).await;
        verify(&verifier, &token).await.unwrap();
    }
    assert_eq!(issuer.fetches(), 7, "each was fetched in the background");
}

#[tokio::test(start_paused = true)]
async fn a_set_that_can_be_read_replaces_the_one_before_it_even_if_it_has_no_key() {
    let secret = json!({"kty": "oct", "kid": "a", "k": BASE64_URL_SAFE_NO_PAD.encode(sign::SECRET)});
    for left in [vec![], vec![secret], vec![jwk("b", Algorithm::EdDSA)]] {
        let issuer = Issuer::default();
        issuer.publish(&[jwk("a", Algorithm::ES256)]);
        let (verifier, token) = (issuer.verifier(), token("a", Algorithm::ES256));
        verify(&verifier, &token).await.unwrap();
        issuer.publish(&left);
        pass(Duration::from_secs(600)).await;
        verify(&verifier, &token).await.unwrap();
        pass(Duration::from_secs(1)).await;
        assert_eq!(verify(&verifier, &token).await.err(), Some(TokenError::Invalid("unknown key")), "{left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_cannot_be_fetched_anew_are_dropped_when_they_are_too_old() {
    const MINUTE: Duration = Duration::from_secs(60);
    for (kept, minutes) in [(None, 24 * 60), (Some(120 * MINUTE), 120)] {
        let issuer = Issuer::default();
        issuer.publish(&[jwk("a", Algorithm::ES256)]);
        let verifier = verifier(kept.into_iter().fold(Jwks::new(issuer.clone()), Jwks::keep_for));
        let token = token("a", Algorithm::ES256);
        verify(&verifier, &token).await.unwrap();
        issuer.answers(Answer::Down);
        pass(MINUTE * (minutes - 1)).await;
        verify(&verifier, &token).await.unwrap();
        pass(MINUTE).await;
        assert_eq!(verify(&verifier, &token).await.err(), Some(TokenError::Unavailable), "{minutes} minutes");
        issuer.publish(&[jwk("a", Algorithm::ES256)]);
        pass(Duration::from_secs(1)).await;
        verify(&verifier, &token).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_clone_that_keeps_keys_for_less_time_drops_nobody_elses() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let jwks = Jwks::new(issuer.clone());
    let (strict, patient) = (verifier(jwks.clone().keep_for(Duration::from_secs(60))), verifier(jwks));
    let token = token("a", Algorithm::ES256);
    verify(&strict, &token).await.unwrap();
    issuer.answers(Answer::Down);
    pass(Duration::from_secs(61)).await;
    for _ in 0..2 {
        assert_eq!(verify(&strict, &token).await.err(), Some(TokenError::Unavailable));
        verify(&patient, &token).await.unwrap();
    }
    assert_eq!(issuer.fetches(), 2);
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    pass(Duration::from_secs(1)).await;
    verify(&strict, &token).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn keys_of_one_name_are_told_apart_by_their_algorithms() {
    let issuer = Issuer::default();
    let rs256 = jwk("a", Algorithm::RS256);
    issuer.publish(&[rs256.clone(), with(rs256, "alg", json!("PS256")), jwk("a", Algorithm::ES256)]);
    let verifier = issuer.verifier();
    for algorithm in [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256] {
        verify(&verifier, &token("a", algorithm)).await.unwrap();
    }
    let outcome = verify(&verifier, &token("a", Algorithm::RS384)).await;
    assert_eq!(outcome.err(), Some(TokenError::Invalid("algorithm")));
    assert_eq!(issuer.fetches(), 1);
}

#[cfg(feature = "tracing")]
#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_set_is_logged_once_and_in_few_lines() {
    let (log, _guard) = crate::log::Log::begin();
    let issuer = Issuer::default();
    let verifier = issuer.verifier();
    let refresh = async || {
        let _outcome = verify(&verifier, &token("a", Algorithm::ES256)).await;
        pass(Duration::from_secs(601)).await;
    };
    for _ in 0..3 {
        verify(&verifier, &token("a", Algorithm::ES256)).await.unwrap_err();
        pass(Duration::from_secs(10)).await;
    }
    assert_eq!((issuer.fetches(), log.count("could not be fetched")), (3, 1), "{}", log.text());
    let good = jwk("a", Algorithm::ES256);
    let private = with(jwk("b", Algorithm::RS256), "d", json!("AQAB"));
    issuer.publish(&[good.clone(), private, good.clone()]);
    for _ in 0..3 {
        refresh().await;
    }
    let lines = ["key 1 is left out: a private key, published", "key 2 is used in place of an earlier one"];
    assert_eq!(lines.map(|line| log.count(line)), [1, 1], "{}", log.text());
    issuer.publish(&[vec![json!(7); 1000], vec![good]].concat());
    for _ in 0..3 {
        refresh().await;
    }
    assert_eq!(log.count("left out: unreadable"), 7, "{}", log.text());
    assert_eq!(log.count("249 more of a token issuer's keys"), 1, "{}", log.text());
    assert_eq!(log.text().lines().count(), 12, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_setting_counts_after_a_clone_too() {
    let issuer = Issuer::default();
    issuer.publish(&[jwk("a", Algorithm::ES256)]);
    let jwks = Jwks::new(issuer.clone());
    let small = verifier(jwks.clone().max_bytes(10));
    assert_eq!(verify(&small, &token("a", Algorithm::ES256)).await.err(), Some(TokenError::Unavailable));
    pass(Duration::from_secs(1)).await;
    verify(&verifier(jwks), &token("a", Algorithm::ES256)).await.unwrap();
    verify(&small, &token("a", Algorithm::ES256)).await.unwrap();
    assert_eq!(issuer.fetches(), 2, "they share the keys");
}

#[test]
fn the_order_of_settings_does_not_matter() {
    const TIME: Duration = Duration::from_millis(700);
    let settings: [fn(Jwks) -> Jwks; 5] = [
        |jwks| jwks.min_interval(TIME),
        |jwks| jwks.max_age(TIME),
        |jwks| jwks.keep_for(TIME),
        |jwks| jwks.timeout(TIME),
        |jwks| jwks.max_bytes(700),
    ];
    let none = Jwks::new(Issuer::default());
    for first in settings {
        assert_ne!(format!("{:?}", first(none.clone())), format!("{none:?}"));
        for second in settings {
            let [forth, back] = [[first, second], [second, first]].map(|[one, other]| {
                let jwks = one(none.clone());
                let _shared = jwks.clone();
                format!("{:?}", other(jwks))
            });
            assert_eq!(forth, back);
        }
    }
}

#[test]
fn zeros_without_a_meaning_panic_where_they_are_said() {
    let settings: [fn(Jwks) -> Jwks; 5] = [
        |jwks| jwks.min_interval(Duration::ZERO),
        |jwks| jwks.max_age(Duration::ZERO),
        |jwks| jwks.keep_for(Duration::ZERO),
        |jwks| jwks.timeout(Duration::ZERO),
        |jwks| jwks.max_bytes(0),
    ];
    for (at, set) in settings.into_iter().enumerate() {
        let jwks = Jwks::new(Issuer::default());
        assert!(catch_unwind(AssertUnwindSafe(|| drop(set(jwks)))).is_err(), "{at}");
    }
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
        (with(jwk("bad", Algorithm::RS256), "d", json!("AQAB")), Algorithm::RS256),
        (with(jwk("bad", Algorithm::RS256), "p", json!("AQAB")), Algorithm::RS256),
        (with(es256(), "d", json!("AQAB")), Algorithm::ES256),
        (with(jwk("bad", Algorithm::EdDSA), "d", json!("AQAB")), Algorithm::EdDSA),
        (with(es256(), "k", json!("AQAB")), Algorithm::ES256),
        (with(es256(), "y", es256()["x"].clone()), Algorithm::ES256),
        (with(jwk("bad", Algorithm::EdDSA), "x", json!(sign::encode([&[2][..], &[0; 31]].concat()))), Algorithm::EdDSA),
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
