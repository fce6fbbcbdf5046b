//! Keys by an issuer's name alone.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header};
use portcullis_jwt::{
    Verifier,
    jwks::Jwks,
    verifier::{BuildError, Builder},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    issuer::{Answer, Issuer, judge, trusting},
    jwks::jwk,
    sign::{NOW, now, sign_as},
};

const UNAVAILABLE: &str = "authentication unavailable";

fn claims(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": "chat", "sub": "alice", "exp": NOW + 60})
}

fn token(issuer: &str) -> String {
    sign_as(&Header { kid: Some("a".to_owned()), ..Header::new(Algorithm::ES256) }, &claims(issuer))
}

fn key() -> Value {
    jwk("a", Algorithm::ES256)
}

fn builder(jwks: Jwks) -> Builder {
    Verifier::jwks(jwks.min_interval(Duration::from_nanos(1))).audience("chat").clock(now)
}

fn verifier(issuer: &str) -> Verifier {
    builder(trusting(Jwks::discover(issuer)).build().unwrap()).build().unwrap()
}

#[tokio::test]
async fn an_issuers_document_says_where_its_keys_are() {
    for issuer in [Issuer::https().await, Issuer::http().await] {
        issuer.publish(&[key()]);
        for (path, document) in [
            ("", "/.well-known/openid-configuration"),
            ("/", "/.well-known/openid-configuration"),
            ("/realms/a", "/realms/a/.well-known/openid-configuration"),
            ("/realms/a/", "/realms/a/.well-known/openid-configuration"),
            ("/realms/a//", "/realms/a//.well-known/openid-configuration"),
        ] {
            let name = issuer.at(path);
            issuer.document(&name);
            let verifier = verifier(&name);
            assert_eq!(issuer.asked(), [""; 0], "nothing is fetched before a token asks");
            assert!(judge(&verifier, &token(&name)).await.is_ok(), "{name}");
            assert_eq!(issuer.asked(), [document, "/keys"]);
            // The name of the verifier is the one of the document, and no other.
            let outcome = judge(&verifier, &token(&format!("{name}a"))).await;
            assert_eq!(outcome.unwrap_err(), "invalid token: issuer");
        }
    }
}

#[tokio::test]
async fn a_document_may_be_elsewhere() {
    let issuer = Issuer::https().await;
    issuer.publish(&[key()]);
    issuer.document("https://id.example");
    let discover = trusting(Jwks::discover("https://id.example")).at(issuer.at("/inside?a=b"));
    let verifier = builder(discover.build().unwrap()).build().unwrap();
    assert!(judge(&verifier, &token("https://id.example")).await.is_ok());
    assert_eq!(issuer.asked(), ["/inside?a=b", "/keys"]);
}

#[tokio::test]
async fn a_hundred_tokens_at_once_are_one_fetch() {
    let issuer = Issuer::https().await;
    issuer.publish(&[key()]);
    let (verifier, token) = (verifier(&issuer.url), token(&issuer.url));
    let all: Vec<_> = (0..100)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { judge(&verifier, &token).await })
        })
        .collect();
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(issuer.asked().len(), 2);
}

/// An issuer that fails, and then does not: no token is judged, and then they are.
#[tokio::test]
async fn what_is_no_document_is_unavailable_until_it_is_one() {
    let issuer = Issuer::https().await;
    let elsewhere = Issuer::https().await;
    elsewhere.publish(&[key()]);
    elsewhere.document(&issuer.url);
    let document = |jwks_uri: &str| Answer::Json(json!({"issuer": issuer.url, "jwks_uri": jwks_uri}));
    let good = Answer::Json(json!({"keys": [key()]}));
    let plain = issuer.at("/keys").replace("https:", "http:");
    for (document, keys) in [
        (Answer::Status(404), good.clone()),
        (Answer::Status(503), good.clone()),
        (Answer::Text("<html>"), good.clone()),
        (Answer::Json(json!({"issuer": issuer.url})), good.clone()),
        (Answer::Json(json!({"issuer": "https://id.example", "jwks_uri": issuer.at("/keys")})), good.clone()),
        (Answer::Json(json!({"issuer": issuer.at("/"), "jwks_uri": issuer.at("/keys")})), good.clone()),
        (Answer::Redirect(elsewhere.at("/.well-known/openid-configuration")), good.clone()),
        (Answer::Endless, good.clone()),
        (Answer::Silent, good.clone()),
        (document(&plain), good.clone()),
        (document("file:///etc/passwd"), good.clone()),
        (document(&issuer.at("/keys")), Answer::Status(404)),
        (document(&issuer.at("/keys")), Answer::Redirect(elsewhere.at("/keys"))),
        (document(&issuer.at("/keys")), Answer::Endless),
        (document(&issuer.at("/keys")), Answer::Silent),
    ] {
        let silent = matches!((&document, &keys), (Answer::Silent, _) | (_, Answer::Silent));
        let patience = Duration::from_secs(if silent { 2 } else { 60 });
        let jwks = trusting(Jwks::discover(issuer.url.clone())).build().unwrap();
        let verifier = builder(jwks.timeout(patience).max_bytes(16 * 1024)).build().unwrap();
        let token = token(&issuer.url);
        issuer.answers(document);
        issuer.keys(keys);
        let outcome = timeout(Duration::from_secs(60), judge(&verifier, &token)).await.unwrap();
        assert_eq!(outcome.unwrap_err(), UNAVAILABLE, "asked for {:?}", issuer.asked());
        issuer.document(&issuer.url);
        issuer.keys(good.clone());
        assert!(judge(&verifier, &token).await.is_ok());
        issuer.asked();
    }
    assert_eq!(elsewhere.asked(), [""; 0], "no redirect is followed");
    assert!(issuer.sent() < 64 * 1024 * 1024, "{} bytes were taken", issuer.sent());
}

#[tokio::test]
async fn an_issuer_whose_certificate_nobody_vouches_for_is_not_asked() {
    let issuer = Issuer::https().await;
    issuer.publish(&[key()]);
    let jwks = Jwks::discover(issuer.url.clone()).build().unwrap();
    let outcome = judge(&builder(jwks).build().unwrap(), &token(&issuer.url)).await;
    assert_eq!(outcome.unwrap_err(), UNAVAILABLE);
    assert_eq!(issuer.asked(), [""; 0]);
}

#[test]
fn a_verifier_names_the_issuer_whose_keys_it_has() {
    const ISSUER: &str = "https://id.example";
    const PATTERN: &str = "https://login.example/{tenantid}/v2.0";
    const TENANT: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
    let of_tenant = PATTERN.replace("{tenantid}", TENANT);
    let one = || builder(Jwks::discover(ISSUER).build().unwrap());
    let many = || builder(Jwks::discover(PATTERN).at("https://login.example/common").build().unwrap());
    for (said, builder, error) in [
        ("nothing", one(), None),
        ("its name", one().issuer(ISSUER), None),
        ("its name and another", one().issuer(ISSUER).issuer("id.example"), None),
        ("an alias", one().issuer_alias("id.example", ISSUER), None),
        ("any", one().any_issuer(), None),
        ("another name", one().issuer("https://id.example/"), Some(BuildError::OtherIssuer)),
        ("tenants of one", one().tenants([TENANT]), Some(BuildError::NoPattern)),
        (
            "tenants without keys",
            Verifier::hs256([7; 32]).audience("chat").tenants([TENANT]),
            Some(BuildError::NoPattern),
        ),
        ("a tenant", many().tenants([TENANT]), None),
        ("tenants", many().tenants([TENANT]).tenants(["82229342-1101-4AB6-817B-70C0747630F3"]), None),
        ("a tenant's issuer", many().issuer(of_tenant.clone()), None),
        ("no tenant", many(), Some(BuildError::NoTenants)),
        ("no tenants", many().tenants([""; 0]), Some(BuildError::NoTenants)),
        ("any tenant", many().any_issuer(), Some(BuildError::NoTenants)),
        ("any and a tenant", many().any_issuer().tenants([TENANT]), Some(BuildError::NoTenants)),
        ("the pattern", many().issuer(PATTERN), Some(BuildError::NoTenants)),
        ("another issuer", many().tenants([TENANT]).issuer(ISSUER), Some(BuildError::NoTenants)),
        ("a nickname", many().tenants(["organizations"]), Some(BuildError::Tenant)),
        ("a domain", many().tenants([TENANT, "contoso.onmicrosoft.com"]), Some(BuildError::Tenant)),
    ] {
        assert_eq!(builder.build().err(), error, "{said}");
    }
}
