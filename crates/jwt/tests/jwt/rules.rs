//! What a verifier requires beyond a signature, and what of it makes no sense.

use std::{
    future::Future,
    panic::catch_unwind,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, Header};
use portcullis_jwt::{
    Key, TokenError, Verified, Verifier, Verify,
    verifier::{BuildError, Builder},
};
use serde_json::{Value, json};

#[cfg(feature = "tracing")]
use crate::log::Log;
use crate::sign::{NOW, SECRET, claims, now, sign, sign_as};

const HOUR: Duration = Duration::from_secs(3600);

fn chat() -> Builder {
    Verifier::hs256(SECRET).issuer("https://id.example").audience("chat").clock(now)
}

fn verify(verifier: &Verifier, token: &str) -> Result<Verified<Value>, TokenError> {
    match pin!(Verify::<Value>::verify(verifier, token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a key of one's own is waited for"),
    }
}

/// A token of the usual claims and these; `null` leaves one out.
fn token(changed: &Value) -> String {
    let mut claims = claims();
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    sign(Algorithm::HS256, &claims)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn a_token_of_the_future_is_refused_where_that_is_said() {
    let lax = chat().build().unwrap();
    let strict = chat().refuse_future_iat(Duration::from_secs(5)).build().unwrap();
    let early = Some(TokenError::Invalid("issued in the future"));
    for (iat, refused) in [
        (json!(NOW - 60), None),
        (json!(NOW + 5), None),
        (json!(NOW + 6), early),
        (json!(NOW * 1000), early),
        (json!(1e300), early),
        (Value::Null, None),
    ] {
        let token = token(&json!({"iat": iat}));
        assert_eq!(verify(&lax, &token).err(), None, "{iat}");
        assert_eq!(verify(&strict, &token).err(), refused, "{iat}");
    }
}

#[test]
fn a_greatest_lifetime_bounds_sessions_whatever_a_token_says() {
    let bounded = || chat().max_lifetime(HOUR).leeway(Duration::from_secs(10));
    let (verifier, endless) = (bounded().build().unwrap(), bounded().without_expiry().build().unwrap());
    for (claims, ends) in [
        (json!({"exp": NOW + 60}), Some(NOW + 60 + 10)),
        (json!({"exp": 1e300}), Some(NOW - 60 + 3600 + 10)),
        (json!({"exp": NOW * 1000}), Some(NOW - 60 + 3600 + 10)),
        (json!({"exp": NOW * 1000, "iat": NOW * 1000 - 60_000}), Some(NOW + 3600 + 10)),
        (json!({"exp": 1e300, "iat": null}), Some(NOW + 3600 + 10)),
        (json!({"exp": 1e300, "iat": NOW - 3600}), Some(NOW + 10)),
        (json!({"exp": 1e300, "iat": NOW - 3610}), None),
    ] {
        let outcome = verify(&verifier, &token(&claims)).map(|verified| verified.expires_at);
        assert_eq!(outcome, ends.map(|ends| Some(at(ends))).ok_or(TokenError::Expired), "{claims}");
    }
    let never = verify(&endless, &token(&json!({"exp": null}))).unwrap();
    assert_eq!(never.expires_at, Some(at(NOW - 60 + 3600 + 10)));
    assert_eq!(verify(&verifier, &token(&json!({"exp": null}))).err(), Some(TokenError::Invalid("no expiry")));
}

#[test]
fn a_type_of_token_can_be_required() {
    let (any, access) = (chat().build().unwrap(), chat().token_type("at+jwt").build().unwrap());
    let two = chat().token_type("application/dpop+jwt").token_type("JWT").build().unwrap();
    let other = TokenError::Invalid("type of another kind of token");
    for (typ, accepted) in [
        (None, [true, false, false]),
        (Some("JWT"), [true, false, true]),
        (Some("JOSE"), [true, false, false]),
        (Some("APPLICATION/JWT"), [true, false, true]),
        (Some("at+jwt"), [true, true, false]),
        (Some("application/AT+jwt"), [true, true, false]),
        (Some("dpop+jwt"), [false, false, true]),
    ] {
        let header = Header { typ: typ.map(str::to_owned), ..Header::new(Algorithm::HS256) };
        let token = sign_as(&header, &claims());
        for (verifier, accepted) in [&any, &access, &two].into_iter().zip(accepted) {
            assert_eq!(verify(verifier, &token).err(), (!accepted).then_some(other), "{typ:?}");
        }
    }
}

#[test]
fn a_subject_may_be_another_claim() {
    let subject = |builder: Builder, claims: &Value| {
        let verified = verify(&builder.build().unwrap(), &token(claims));
        verified.map(|verified| verified.subject.map(|subject| subject.as_str().to_owned()))
    };
    let email = || chat().subject(|claims| claims["email"].as_str().map(str::to_owned));
    let pair = || chat().subject(|claims| Some(format!("{}/{}", claims["tid"].as_str()?, claims["oid"].as_str()?)));
    let alice = |name: &str| Ok(Some(name.to_owned()));
    assert_eq!(subject(chat(), &json!({})), alice("alice"));
    assert_eq!(subject(chat(), &json!({"sub": ""})), Ok(None), "no subject that all of them share");
    assert_eq!(subject(email(), &json!({"email": "a@example.com"})), alice("a@example.com"));
    assert_eq!(subject(email(), &json!({})), Ok(None), "never `sub` instead");
    assert_eq!(subject(email(), &json!({"email": ""})), Ok(None));
    assert_eq!(subject(pair(), &json!({"tid": "t", "oid": "o"})), alice("t/o"));
    assert_eq!(subject(pair(), &json!({"oid": "o"})), Ok(None));
    let long = json!({"email": "x".repeat(513)});
    assert_eq!(subject(email(), &long), Err(TokenError::Invalid("a name too long")));
}

#[cfg(feature = "tracing")]
#[test]
fn what_is_odd_about_tokens_is_logged_once() {
    let (log, _guard) = Log::begin();
    for (verifier, lines) in [(chat(), 1), (chat().refuse_future_iat(HOUR), 2)] {
        let verifier = verifier.build().unwrap();
        for _ in 0..3 {
            for odd in [json!({"iat": NOW + 31}), json!({"exp": NOW * 1000}), json!({"exp": 1e300}), json!({"sub": ""})]
            {
                verify(&verifier, &token(&odd)).unwrap();
            }
            for plain in [json!({}), json!({"iat": NOW + 30}), json!({"sub": null}), json!({"exp": NOW * 10})] {
                verify(&verifier, &token(&plain)).unwrap();
            }
        }
        for words in ["issued in the future", "expires after the year 9999", "empty subject"] {
            assert_eq!(log.count(words), lines, "{words}: {}", log.text());
        }
    }
    assert!(!log.text().contains("alice"), "{}", log.text());
}

#[cfg(feature = "tracing")]
#[test]
fn of_two_keys_of_one_name_and_algorithm_the_later_is_used_and_that_is_logged_once() {
    let (log, _guard) = Log::begin();
    let key = |algorithm, secret: &[u8]| ("a", Key::hmac(algorithm, secret).unwrap());
    let hs256 = || key(Algorithm::HS256, SECRET);
    let keys = portcullis_jwt::Keys::new([hs256(), key(Algorithm::HS384, SECRET)]);
    let verifier = Verifier::keys(keys.clone()).issuer("https://id.example").audience("chat").clock(now);
    let verifier = verifier.build().unwrap();
    let named = |algorithm| sign_as(&Header { kid: Some("a".to_owned()), ..Header::new(algorithm) }, &claims());
    for algorithm in [Algorithm::HS256, Algorithm::HS384] {
        assert!(verify(&verifier, &named(algorithm)).is_ok(), "{algorithm:?}");
    }
    assert_eq!(log.text(), "");
    for _ in 0..3 {
        keys.replace([hs256(), key(Algorithm::HS256, &[7; 32])]);
        assert_eq!(verify(&verifier, &named(Algorithm::HS256)).err(), Some(TokenError::Invalid("signature")));
    }
    assert_eq!(log.count("two keys have the same name"), 1, "{}", log.text());
}

#[test]
fn settings_that_make_no_sense_are_errors_when_a_verifier_is_built() {
    let issuer = || Verifier::hs256(SECRET).audience("chat");
    let audience = || Verifier::hs256(SECRET).issuer("https://id.example");
    let both = BuildError::Contradiction;
    for (builder, error, sentence) in [
        (issuer().issuer(""), BuildError::Empty("issuer"), "the text given to `issuer` is empty"),
        (issuer().issuer("a").issuer(""), BuildError::Empty("issuer"), "the text given to `issuer` is empty"),
        (audience().audience(""), BuildError::Empty("audience"), "the text given to `audience` is empty"),
        (chat().token_type(""), BuildError::Empty("token_type"), "the text given to `token_type` is empty"),
        (chat().require_claim(""), BuildError::Empty("require_claim"), "the text given to `require_claim` is empty"),
        (chat().require_scope(""), BuildError::Empty("require_scope"), "the text given to `require_scope` is empty"),
        (
            chat().require_scope("chat:read chat:write"),
            BuildError::SpaceInScope,
            "a scope has white space: say `require_scope` for each scope",
        ),
        (chat().any_issuer(), both("`issuer` or `any_issuer`"), "say `issuer` or `any_issuer`, not both"),
        (chat().any_audience(), both("`audience` or `any_audience`"), "say `audience` or `any_audience`, not both"),
    ] {
        let found = builder.build().unwrap_err();
        assert_eq!((found, found.to_string()), (error, sentence.to_owned()));
    }
}

#[test]
fn zeros_without_a_meaning_panic_where_they_are_said() {
    let panics = |set: fn(Builder) -> Builder| catch_unwind(move || drop(set(chat()))).is_err();
    assert!(panics(|builder| builder.max_bytes(0)));
    assert!(panics(|builder| builder.max_lifetime(Duration::ZERO)));
    assert!(!panics(|builder| builder.leeway(Duration::ZERO)), "clocks that agree");
    assert!(!panics(|builder| builder.refuse_future_iat(Duration::ZERO)), "clocks that agree");
}

type Setting = fn(Builder) -> Builder;

/// Each setting, those that contradict others among them.
const SETTINGS: [(&str, Setting); 15] = [
    ("issuer", |builder| builder.issuer("https://id.example")),
    ("another issuer", |builder| builder.issuer("https://id.example.com")),
    ("any_issuer", Builder::any_issuer),
    ("audience", |builder| builder.audience("chat")),
    ("any_audience", Builder::any_audience),
    ("without_expiry", Builder::without_expiry),
    ("token_type", |builder| builder.token_type("at+jwt")),
    ("max_lifetime", |builder| builder.max_lifetime(HOUR)),
    ("refuse_future_iat", |builder| builder.refuse_future_iat(Duration::ZERO)),
    ("subject", |builder| builder.subject(|claims| claims["jti"].as_str().map(str::to_owned))),
    ("leeway", |builder| builder.leeway(Duration::from_secs(1))),
    ("require_claim", |builder| builder.require_claim("jti")),
    ("require_scope", |builder| builder.require_scope("chat")),
    ("max_bytes", |builder| builder.max_bytes(4096)),
    ("clock", |builder| builder.clock(now)),
];

/// What was built, and what it says of a few tokens.
fn built(settings: &[Setting]) -> String {
    let builder =
        settings.iter().fold(Verifier::key(Key::hmac(Algorithm::HS256, SECRET).unwrap()), |builder, set| set(builder));
    let verifier = match builder.build() {
        Ok(verifier) => verifier,
        Err(error) => return format!("{error:?}"),
    };
    let fixed = Verify::<Value>::now(&verifier) == now();
    let tokens = [json!({}), json!({"exp": null}), json!({"iat": NOW + 20}), json!({"exp": NOW * 100})];
    let outcomes = tokens.map(|claims| {
        let outcome = verify(&verifier, &token(&claims));
        outcome.map(|verified| (verified.subject, verified.expires_at.filter(|_| fixed)))
    });
    format!("{verifier:?} {fixed} {outcomes:?}")
}

#[test]
fn the_order_of_settings_does_not_matter() {
    // Alone, most are not enough to build a verifier.
    let rests: [&[Setting]; 3] = [&[], &[SETTINGS[0].1, SETTINGS[3].1], &[SETTINGS[2].1, SETTINGS[4].1]];
    for (one, first) in SETTINGS {
        let seen = rests.iter().any(|rest| built(&[&[first], *rest].concat()) != built(rest));
        assert!(seen, "{one} makes no difference here");
        for (other, second) in SETTINGS {
            for rest in rests {
                let [forth, back] = [[first, second], [second, first]]
                    .map(|pair| [built(&[&pair, rest].concat()), built(&[rest, &pair].concat())]);
                assert_eq!(forth, back, "{one}, {other}");
                assert_eq!(forth[0], forth[1], "{one}, {other}");
            }
        }
    }
}
