//! What a verifier accepts, and what it does not.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, Header};
use portcullis_jwt::{
    Key, Keys, TokenError, Verified, Verifier, Verify,
    verifier::{BuildError, Builder, KeyError},
};
use serde_json::{Value, json};

use crate::sign::{NOW, SECRET, claims, encode, now, public, sign, sign_as, sign_text};

type Outcome = Result<Verified<Value>, TokenError>;

const ALL: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

fn key(algorithm: Algorithm) -> Key {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Key::hmac(algorithm, SECRET).unwrap(),
        _ => Key::pem(algorithm, public(algorithm)).unwrap(),
    }
}

fn chat(builder: Builder) -> Builder {
    builder.issuer("https://id.example").audience("chat").clock(now)
}

fn verifier(algorithm: Algorithm) -> Verifier {
    chat(Verifier::key(key(algorithm))).build().unwrap()
}

/// Keys that are there verify at once.
fn verify(verifier: &Verifier, token: &str) -> Outcome {
    match pin!(Verify::<Value>::verify(verifier, token)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a key of one's own is waited for"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what `Result::err` gives")]
fn invalid(why: &'static str) -> Option<TokenError> {
    Some(TokenError::Invalid(why))
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut claims = claims();
    change(&mut claims);
    claims
}

#[test]
fn every_algorithm_round_trips_and_none_passes_for_another() {
    let tokens: Vec<(Algorithm, String)> = ALL.map(|algorithm| (algorithm, sign(algorithm, &claims()))).into();
    for algorithm in ALL {
        let verifier = verifier(algorithm);
        for (signed, token) in &tokens {
            let outcome = verify(&verifier, token);
            assert_eq!(outcome.is_ok(), *signed == algorithm, "{signed:?} for {algorithm:?}: {outcome:?}");
        }
    }
}

#[test]
fn what_a_token_says_is_read() {
    let verified = verify(&verifier(Algorithm::HS256), &sign(Algorithm::HS256, &claims())).unwrap();
    let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
    assert_eq!(verified.subject.unwrap().as_str(), "alice");
    assert_eq!(verified.id, Some("7".into()));
    assert_eq!((verified.issued_at, verified.expires_at), (at(NOW - 60), at(NOW + 60 + 30)), "leeway included");
    assert_eq!(verified.claims["aud"], "chat");
}

#[test]
fn claims_are_judged_at_their_boundaries() {
    let (expired, early) = (Some(TokenError::Expired), Some(TokenError::NotYetValid));
    let wrong = invalid("a registered claim of a wrong type");
    for (claims, refused) in [
        (with(|c| c["exp"] = json!(NOW - 29)), None),
        (with(|c| c["exp"] = json!(NOW - 30)), expired),
        (with(|c| c["exp"] = json!(1_799_999_970.5)), None),
        (with(|c| c["exp"] = json!(0)), expired),
        (with(|c| c["exp"] = json!(1e300)), None),
        (with(|c| c["exp"] = json!(u64::MAX)), None),
        (with(|c| c["exp"] = json!(-1)), invalid("a time before 1970")),
        (with(|c| c["exp"] = json!((NOW + 60).to_string())), wrong),
        (with(|c| c["exp"] = Value::Null), invalid("no expiry")),
        (with(|c| c["nbf"] = json!(NOW + 30)), None),
        (with(|c| c["nbf"] = json!(NOW + 31)), early),
        (with(|c| c["nbf"] = json!(1e300)), early),
        (with(|c| c["nbf"] = json!("soon")), wrong),
        (with(|c| c["iss"] = json!("https://id.example/")), invalid("issuer")),
        (with(|c| c["iss"] = json!("https://ID.example")), invalid("issuer")),
        (with(|c| c["iss"] = json!(["https://id.example"])), wrong),
        (with(|c| drop(c.as_object_mut().unwrap().remove("iss"))), invalid("no issuer")),
        (with(|c| c["aud"] = json!("shop")), invalid("audience")),
        (with(|c| c["aud"] = json!(["shop", "chat"])), None),
        (with(|c| c["aud"] = json!([])), invalid("audience")),
        (with(|c| drop(c.as_object_mut().unwrap().remove("aud"))), invalid("no audience")),
        (with(|c| c["sub"] = json!(7)), wrong),
        (with(|c| c["sub"] = json!("x".repeat(513))), invalid("a name too long")),
        (with(|c| c["jti"] = json!("x".repeat(513))), invalid("a name too long")),
        (with(|c| c["deep"] = json!([[[[[[1]]]]]])), None),
    ] {
        let outcome = verify(&verifier(Algorithm::HS256), &sign(Algorithm::HS256, &claims));
        assert_eq!(outcome.err(), refused, "{claims}");
    }
}

#[test]
fn checks_are_switched_off_by_name_only() {
    let bare = sign(Algorithm::HS256, &json!({"sub": "alice"}));
    let build = || Verifier::hs256(SECRET).clock(now);
    let lax = build().any_issuer().any_audience().without_expiry().build().unwrap();
    assert!(verify(&lax, &bare).unwrap().expires_at.is_none());
    assert_eq!(build().audience("chat").build().unwrap_err(), BuildError::NoIssuer);
    assert_eq!(build().issuer("x").build().unwrap_err(), BuildError::NoAudience);
    let strict = build().any_issuer().any_audience().build().unwrap();
    assert_eq!(verify(&strict, &bare).err(), invalid("no expiry"));
}

#[test]
fn scopes_and_claims_that_are_missing_are_forbidden() {
    let verifier = chat(Verifier::hs256(SECRET)).require_scope("chat:write").require_claim("tenant").build().unwrap();
    let scope = Some(TokenError::Forbidden("a scope is missing"));
    for (more, refused) in [
        (json!({"scope": "chat:read chat:write", "tenant": 0}), None),
        (json!({"scp": ["chat:write"], "tenant": "a"}), None),
        (json!({"scp": "chat:write", "tenant": "a"}), None),
        (json!({"scope": "chat:writer", "tenant": "a"}), scope),
        (json!({"tenant": "a"}), scope),
        (json!({"scope": "chat:write"}), Some(TokenError::Forbidden("a claim is missing"))),
        (json!({"scope": "chat:write", "tenant": null}), Some(TokenError::Forbidden("a claim is missing"))),
    ] {
        let claims = with(|c| c.as_object_mut().unwrap().extend(more.as_object().unwrap().clone()));
        assert_eq!(verify(&verifier, &sign(Algorithm::HS256, &claims)).err(), refused, "{more}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // RFC 8725, section 2.1: the attacker signs with the public key as if it were an HMAC secret.
    let header = encode(r#"{"alg":"HS256"}"#);
    let message = format!("{header}.{}", encode(claims().to_string()));
    let key = jsonwebtoken::EncodingKey::from_secret(public(Algorithm::RS256));
    let _signed_before = sign(Algorithm::HS256, &claims());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    let outcome = verify(&verifier(Algorithm::RS256), &format!("{message}.{signature}"));
    assert_eq!(outcome.err(), invalid("algorithm"));
}

#[test]
fn unsigned_tokens_are_refused_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", "", " none"] {
        let head = encode(format!(r#"{{"alg":"{alg}"}}"#));
        let token = format!("{head}.{}.", encode(claims().to_string()));
        assert_eq!(verify(&verifier(Algorithm::HS256), &token).err(), invalid("algorithm"), "{alg:?}");
    }
}

#[test]
fn keys_that_a_token_brings_along_are_ignored() {
    let header = r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://evil.example/k","x5u":"https://evil.example/c","x5c":["AAAA"]}"#;
    let token = sign_text(Algorithm::HS256, header, &claims().to_string());
    assert!(verify(&verifier(Algorithm::HS256), &token).is_ok());
    let other = Verifier::hs256([7; 32]).any_issuer().any_audience().clock(now).build().unwrap();
    assert_eq!(verify(&other, &token).err(), invalid("signature"));
}

#[test]
fn a_token_has_one_spelling() {
    let verifier = verifier(Algorithm::HS256);
    let token = sign(Algorithm::HS256, &claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    // 32 bytes are 43 digits, of which the last has two bits that mean nothing.
    let last = signature.chars().last().unwrap();
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = digits.find(last).unwrap();
    let stray = format!("{message}.{}{}", &signature[..42], &digits[at + 1..at + 2]);
    for token in [
        stray,
        format!("{token}="),
        format!("{header}=.{payload}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{message}.{}", &signature[..40]),
        format!("{message}."),
        message.to_owned(),
        format!("{token}.{signature}"),
        format!("{header}.{payload}.{payload}.{signature}"),
        format!("{header}..{signature}"),
        "..".to_owned(),
        String::new(),
        token.replace('-', "+").replace('_', "/") + "+",
        "é.é.é".to_owned(),
        format!("{header}.{}.{signature}", encode(b"{\"a\":\"\xff\"}")),
    ] {
        let outcome = verify(&verifier, &token);
        assert!(matches!(outcome, Err(TokenError::Invalid(_))), "{token}: {outcome:?}");
    }
}

#[test]
fn what_json_readers_disagree_about_is_refused() {
    for payload in [
        r#"{"iss":"https://id.example","aud":"chat","exp":1,"exp":1900000000}"#.to_owned(),
        r#"{"iss":"https://id.example","aud":"chat","exp":1900000000,"\u0065xp":1}"#.to_owned(),
        format!(
            r#"{{"iss":"https://id.example","aud":"chat","exp":1900000000,"deep":{}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        ),
        "[]".to_owned(),
        "null".to_owned(),
        "{".to_owned(),
    ] {
        let outcome = verify(&verifier(Algorithm::HS256), &sign_text(Algorithm::HS256, r#"{"alg":"HS256"}"#, &payload));
        assert!(matches!(outcome, Err(TokenError::Invalid(_))), "{payload}: {outcome:?}");
    }
}

#[test]
fn a_token_has_a_length() {
    let token = |len: usize| sign(Algorithm::HS256, &with(|c| c["fill"] = json!("x".repeat(len))));
    let verifier = verifier(Algorithm::HS256);
    assert!(verify(&verifier, &token(5000)).is_ok());
    assert_eq!(verify(&verifier, &token(8000)).err(), invalid("too long"));
    assert_eq!(verify(&verifier, &"a".repeat(10_000_000)).err(), invalid("too long"));
}

#[test]
fn keys_are_found_by_name_and_rotated() {
    let keys = Keys::new([("old", key(Algorithm::HS256))]);
    let verifier = chat(Verifier::keys(keys.clone())).build().unwrap();
    let named = |kid: Option<&str>, algorithm| {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
        sign_as(&header, &claims())
    };
    assert!(verify(&verifier, &named(Some("old"), Algorithm::HS256)).is_ok());
    assert!(verify(&verifier, &named(None, Algorithm::HS256)).is_ok(), "there is one");
    assert_eq!(verify(&verifier, &named(Some("new"), Algorithm::ES256)).err(), invalid("unknown key"));
    keys.replace([("old", key(Algorithm::HS256)), ("new", key(Algorithm::ES256))]);
    assert!(verify(&verifier, &named(Some("old"), Algorithm::HS256)).is_ok());
    assert!(verify(&verifier, &named(Some("new"), Algorithm::ES256)).is_ok());
    assert_eq!(verify(&verifier, &named(Some("new"), Algorithm::HS256)).err(), invalid("algorithm"));
    assert_eq!(verify(&verifier, &named(None, Algorithm::HS256)).err(), invalid("names no key"));
    keys.replace([("new", key(Algorithm::ES256))]);
    assert_eq!(verify(&verifier, &named(Some("old"), Algorithm::HS256)).err(), invalid("unknown key"));
}

#[test]
fn weak_and_foreign_keys_are_errors_when_a_verifier_is_built() {
    let short = |least| KeyError::ShortSecret { least };
    let two = [public(Algorithm::RS256), include_bytes!("../keys/other.pub.pem")].concat();
    let p256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    let off = spki(p256, &[&[1; 64]]);
    let ed25519 = |y: u8| spki("302a300506032b6570032100", &[&[y], &[0; 31]]);
    let (no_point, small) = (ed25519(2), ed25519(1));
    let large =
        spki("30820422300d06092a864886f70d01010105000382040f003082040a0282040100", &[&[0xff; 1024], &[2, 3, 1, 0, 1]]);
    for (key, error) in [
        (Key::hmac(Algorithm::HS256, b""), short(32)),
        (Key::hmac(Algorithm::HS256, &[1; 31]), short(32)),
        (Key::hmac(Algorithm::HS384, &[1; 47]), short(48)),
        (Key::hmac(Algorithm::HS512, &[1; 63]), short(64)),
        (Key::hmac(Algorithm::RS256, &[1; 63]), KeyError::Unreadable),
        (Key::pem(Algorithm::RS256, include_bytes!("../keys/rsa1024.pub.pem")), KeyError::WeakRsa),
        (Key::pem(Algorithm::PS512, include_bytes!("../keys/rsa1024.pub.pem")), KeyError::WeakRsa),
        (Key::pem(Algorithm::HS256, public(Algorithm::RS256)), KeyError::Unreadable),
        (Key::pem(Algorithm::RS256, public(Algorithm::ES256)), KeyError::Unreadable),
        (Key::pem(Algorithm::ES256, public(Algorithm::ES384)), KeyError::Unreadable),
        (Key::pem(Algorithm::ES384, public(Algorithm::ES256)), KeyError::Unreadable),
        (Key::pem(Algorithm::EdDSA, public(Algorithm::RS256)), KeyError::Unreadable),
        (Key::pem(Algorithm::RS256, b"not a key"), KeyError::Unreadable),
        (Key::pem(Algorithm::RS256, b""), KeyError::Unreadable),
        (Key::hmac(Algorithm::HS256, public(Algorithm::RS256)), KeyError::PemSecret),
        (Key::hmac(Algorithm::HS256, include_bytes!("../keys/ed25519.pem")), KeyError::PemSecret),
        (Key::pem(Algorithm::ES256, include_bytes!("../keys/es256.pem")), KeyError::PrivateKey),
        (Key::pem(Algorithm::RS256, include_bytes!("../keys/rsa2048.pem")), KeyError::PrivateKey),
        (Key::pem(Algorithm::ES256, include_bytes!("../keys/tls.cert.pem")), KeyError::Certificate),
        (Key::pem(Algorithm::RS256, &two), KeyError::SeveralKeys),
        (Key::pem(Algorithm::ES256, off.as_bytes()), KeyError::NoPoint),
        (Key::pem(Algorithm::EdDSA, no_point.as_bytes()), KeyError::NoPoint),
        (Key::pem(Algorithm::EdDSA, small.as_bytes()), KeyError::NoPoint),
        (Key::pem(Algorithm::RS256, large.as_bytes()), KeyError::LargeRsa),
    ] {
        assert_eq!(key.unwrap_err(), error);
    }
    assert_eq!(Verifier::hs256("short").build().unwrap_err(), BuildError::Key(short(32)));
    assert_eq!(chat(Verifier::keys(Keys::default())).build().unwrap_err(), BuildError::NoKey);
}

/// RFC 7515, appendices A.1 to A.3, and the claims of RFC 7519, section 3.1.
#[test]
fn the_rfcs_own_examples_are_verified() {
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let hs256 =
        format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let secret = base64_url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let at = |seconds| move || UNIX_EPOCH + Duration::from_secs(seconds);
    let build = |key: Key, seconds| {
        let builder = Verifier::key(key).issuer("joe").any_audience().leeway(Duration::ZERO);
        builder.clock(at(seconds)).build().unwrap()
    };
    let before = 1_300_819_379;
    let key = Key::hmac(Algorithm::HS256, &secret).unwrap();
    let verified = verify(&build(key.clone(), before), &hs256).unwrap();
    assert_eq!(verified.claims["http://example.com/is_root"], true);
    assert_eq!(verify(&build(key, before + 1), &hs256).err(), Some(TokenError::Expired));

    let rs256 = format!(
        "eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
    let modulus = base64_url(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    );
    let head = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
    let pem = spki(head, &[&modulus, &[2, 3, 1, 0, 1]]);
    let key = Key::pem(Algorithm::RS256, pem.as_bytes()).unwrap();
    assert!(verify(&build(key.clone(), before), &rs256).is_ok());
    assert_eq!(verify(&build(key, before), &rs256.replace(".cC4", ".cC5")).err(), invalid("signature"));

    let es256 = format!(
        "eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let pem = spki(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
        &[
            &base64_url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            &base64_url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        ],
    );
    assert!(verify(&build(Key::pem(Algorithm::ES256, pem.as_bytes()).unwrap(), before), &es256).is_ok());
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A public key in PEM from the fixed part of its DER, in hexadecimal, and the rest.
fn spki(head: &str, rest: &[&[u8]]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let head = (0..head.len()).step_by(2).map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap());
    let der: Vec<u8> = head.chain(rest.concat()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

#[test]
fn no_secret_and_no_token_is_shown() {
    let token = sign(Algorithm::HS256, &claims());
    let verifier = verifier(Algorithm::HS256);
    let said = verify(&verifier, &token).unwrap();
    let keys = Keys::new([("a", key(Algorithm::HS256))]);
    let shown =
        format!("{verifier:?} {said:?} {keys:?} {:?} {:?}", key(Algorithm::HS256), chat(Verifier::hs256(SECRET)));
    let errors = [token.replace("eyJ", "eyK"), token[1..].to_owned(), format!("{token}x")]
        .map(|token| verify(&verifier, &token));
    let shown = format!("{shown} {errors:?} {}", errors[0].as_ref().unwrap_err());
    let secret = format!("{SECRET:?}");
    for part in token.split('.').chain([std::str::from_utf8(SECRET).unwrap(), &secret[1..20], "alice@"]) {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}
