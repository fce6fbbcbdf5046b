//! The recipes, each against an issuer on loopback whose document, keys and tokens look like those that are documented.

use std::{convert::Infallible, future::ready, time::Duration};

use http::{Request, Response};
use portcullis_core::{identity::Subject, refusal::Refusal};
use portcullis_jwt::{
    JwtLayer, Session, Verifier, Verifiers,
    jwks::{Discover, Jwks},
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    issuer::{Answer, Issuer, Pair, trusting},
    sign::{NOW, now},
};

/// An issuer as it is documented, and the layer that its recipe makes.
struct Recipe {
    /// By which the keys are discovered.
    issuer: &'static str,
    /// Where the document is, and what it says beside its issuer, where this is published.
    path: &'static str,
    document: fn(&Issuer) -> Value,
    /// What a key has beside what makes it one, with one for signatures.
    key: fn() -> Value,
    /// Keys of other kinds that are published beside those.
    others: fn() -> Vec<Value>,
    /// A token that is let in: its type, and its claims.
    token: (&'static str, fn() -> Value),
    /// As whom.
    subject: fn() -> Subject,
    layer: fn(Jwks) -> JwtLayer<Value>,
}

impl Recipe {
    fn discover(&self, issuer: &Issuer) -> Discover {
        trusting(Jwks::discover(self.issuer)).at(issuer.at(self.path))
    }

    fn layer(&self, issuer: &Issuer, patience: Duration) -> JwtLayer<Value> {
        let jwks = self.discover(issuer).build().unwrap();
        (self.layer)(jwks.min_interval(Duration::from_nanos(1)).timeout(patience).max_bytes(64 * 1024))
    }

    fn answers_well(&self, issuer: &Issuer) {
        issuer.answers(Answer::Json(self.said_by(issuer, self.issuer)));
    }

    fn said_by(&self, issuer: &Issuer, name: &str) -> Value {
        let mut document = (self.document)(issuer);
        document["issuer"] = name.into();
        document
    }

    fn publish(&self, issuer: &Issuer, keys: &[(Pair, &str)]) {
        let keys = keys.iter().map(|(pair, kid)| pair.jwk(kid, &(self.key)()));
        issuer.publish(&keys.chain((self.others)()).collect::<Vec<_>>());
    }

    fn signed(&self, pair: Pair, kid: &str) -> String {
        pair.sign(kid, Some(self.token.0), &(self.token.1)())
    }

    /// What an issuer does over the years, and on its bad days.
    async fn lives(&self) {
        const LONG: Duration = Duration::from_secs(60);
        let issuer = Issuer::https().await;
        self.answers_well(&issuer);
        let layer = self.layer(&issuer, LONG);
        let (one, other, unknown) =
            (self.signed(Pair::One, "one"), self.signed(Pair::Other, "other"), self.signed(Pair::One, "nobody's"));

        self.publish(&issuer, &[(Pair::One, "one")]);
        assert_eq!(admit(&layer, &one).await, Ok(Some((self.subject)())));
        // A rotation: at once, and the older key is still good.
        self.publish(&issuer, &[(Pair::One, "one"), (Pair::Other, "other")]);
        assert_eq!(admit(&layer, &other).await, Ok(Some((self.subject)())));
        assert_eq!(admit(&layer, &one).await, Ok(Some((self.subject)())));
        // A set with duplicates.
        self.publish(&issuer, &[(Pair::Other, "other"), (Pair::One, "one"), (Pair::Other, "other")]);
        assert_eq!(admit(&layer, &unknown).await, refused("invalid token: unknown key"), "so it was fetched");
        assert_eq!(admit(&layer, &other).await, Ok(Some((self.subject)())));
        assert_eq!(admit(&layer, &one).await, Ok(Some((self.subject)())));
        // A key that is withdrawn.
        self.publish(&issuer, &[(Pair::Other, "other")]);
        assert_eq!(admit(&layer, &unknown).await, refused("invalid token: unknown key"), "so it was fetched");
        assert_eq!(admit(&layer, &one).await, refused("invalid token: unknown key"));
        assert_eq!(admit(&layer, &other).await, Ok(Some((self.subject)())));
        // A key of another's, by a name that is known.
        assert_eq!(admit(&layer, &self.signed(Pair::One, "other")).await, refused("invalid token: signature"));

        let elsewhere = Issuer::https().await;
        self.answers_well(&elsewhere);
        self.publish(&elsewhere, &[(Pair::Other, "other")]);
        let patience = Duration::from_millis(500);
        for (said, answer, patience) in [
            ("another's name", Answer::Json(self.said_by(&issuer, "https://id.example")), LONG),
            ("a slash more or less", Answer::Json(self.said_by(&issuer, &other_slash(self.issuer))), LONG),
            ("slow", Answer::Silent, patience),
            ("redirecting", Answer::Redirect(elsewhere.at(self.path)), LONG),
            ("too large", Answer::Endless, LONG),
        ] {
            issuer.answers(answer);
            let outcome = timeout(LONG, self.admit_at_first(&issuer, &other, patience)).await;
            assert_eq!(outcome.unwrap(), refused("authentication unavailable"), "{said}");
            // Those whom the keys are known to go on.
            assert_eq!(admit(&layer, &other).await, Ok(Some((self.subject)())), "{said}");
        }
        assert_eq!(elsewhere.asked(), [""; 0], "no redirect is followed");
        self.answers_well(&issuer);
        assert_eq!(self.admit_at_first(&issuer, &other, LONG).await, Ok(Some((self.subject)())));
    }

    /// As a server that has just started.
    async fn admit_at_first(&self, issuer: &Issuer, token: &str, patience: Duration) -> Outcome {
        admit(&self.layer(issuer, patience), token).await
    }

    /// Tokens that differ from the good one.
    async fn judges(&self, tokens: &[(&str, Change, Outcome)]) {
        let issuer = Issuer::https().await;
        self.answers_well(&issuer);
        self.publish(&issuer, &[(Pair::One, "one")]);
        let layer = self.layer(&issuer, Duration::from_secs(60));
        for (said, change, outcome) in tokens {
            let (mut typ, mut claims) = (Some(self.token.0), (self.token.1)());
            change(&mut typ, &mut claims);
            let admitted = admit(&layer, &Pair::One.sign("one", typ, &claims)).await;
            assert_eq!(&admitted, outcome, "{said}: {claims}");
        }
    }
}

type Outcome = Result<Option<Subject>, String>;
type Change = fn(&mut Option<&'static str>, &mut Value);

fn refused(why: &str) -> Outcome {
    Err(why.to_owned())
}

fn other_slash(issuer: &str) -> String {
    issuer.strip_suffix('/').map_or_else(|| format!("{issuer}/"), str::to_owned)
}

/// A handshake: as whom it is let in, or why it is not.
async fn admit(layer: &JwtLayer<Value>, token: &str) -> Outcome {
    let inner = service_fn(|request: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(
            request.extensions().get::<Session<Value>>().and_then(Session::subject),
        )))
    });
    let request = Request::get("/ws").header("upgrade", "websocket").header("authorization", format!("Bearer {token}"));
    let response = layer.layer(inner).oneshot(request.body(()).unwrap()).await.unwrap();
    match response.extensions().get::<Refusal>() {
        Some(refusal) => Err(refusal.message().to_owned()),
        None => Ok(response.into_body()),
    }
}

fn keycloak() -> Recipe {
    Recipe {
        issuer: "https://sso.example.com/realms/chat",
        path: "/realms/chat/.well-known/openid-configuration",
        document: |issuer| {
            json!({
                "authorization_endpoint": issuer.at("/realms/chat/protocol/openid-connect/auth"),
                "token_endpoint": issuer.at("/realms/chat/protocol/openid-connect/token"),
                "jwks_uri": issuer.at("/realms/chat/protocol/openid-connect/certs"),
                "id_token_signing_alg_values_supported": ["PS384", "RS384", "EdDSA", "ES384", "HS256", "RS256"],
            })
        },
        key: || json!({"alg": "RS256", "use": "sig", "x5c": ["MIIC"], "x5t": "a", "x5t#S256": "b"}),
        others: || vec![Pair::One.jwk("encryption", &json!({"alg": "RSA-OAEP", "use": "enc"}))],
        token: ("JWT", || {
            json!({
                "exp": NOW + 300, "iat": NOW, "jti": "onrtac:d58f5dc8-fd8f-462b-8a19-716f8f83985b",
                "iss": "https://sso.example.com/realms/chat", "aud": ["chat-api", "account"],
                "sub": "36fa0f91-f94d-4a0c-afed-6b7d952e47da", "typ": "Bearer", "azp": "chat-web",
                "sid": "2a88c258-f73a-4103-b862-e1fbd8f4e04e", "acr": "1",
                "allowed-origins": ["https://chat.example.com"],
                "realm_access": {"roles": ["offline_access", "default-roles-chat", "uma_authorization"]},
                "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
                "scope": "openid email profile", "email_verified": true, "preferred_username": "alice",
            })
        }),
        subject: || Subject::new("36fa0f91-f94d-4a0c-afed-6b7d952e47da"),
        layer: |keys| {
            let verifier = Verifier::jwks(keys).audience("chat-api").require_claim("sub").clock(now);
            JwtLayer::new(verifier.build().unwrap())
                .authorize(|user: &Value| user["typ"] == "Bearer")
                .authorize(|user| user["azp"] == "chat-web")
        },
    }
}

#[tokio::test]
async fn keycloaks_keys_live() {
    keycloak().lives().await;
}

#[tokio::test]
async fn keycloaks_tokens_are_judged() {
    let forbidden = || refused("forbidden: the claims do not allow this");
    let alice = || Ok(Some((keycloak().subject)()));
    keycloak()
        .judges(&[
            ("of the profile of RFC 9068", |typ, _| *typ = Some("at+jwt"), alice()),
            ("for this server alone", |_, claims| claims["aud"] = json!("chat-api"), alice()),
            ("without a mapper", |_, claims| claims["aud"] = json!("account"), refused("invalid token: audience")),
            ("without any audience", |_, claims| remove(claims, "aud"), refused("invalid token: no audience")),
            ("an ID token", |_, claims| claims["typ"] = json!("ID"), forbidden()),
            ("of another client", |_, claims| claims["azp"] = json!("shop-web"), forbidden()),
            (
                "a logout token",
                |typ, _| *typ = Some("logout+jwt"),
                refused("invalid token: type of another kind of token"),
            ),
            ("without `basic`", |_, claims| remove(claims, "sub"), refused("forbidden: a claim is missing")),
            (
                "of another realm",
                |_, claims| claims["iss"] = json!("https://sso.example.com/realms/master"),
                refused("invalid token: issuer"),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_keycloak_on_this_machine_needs_no_certificate() {
    let issuer = Issuer::http().await;
    let name = issuer.at("/realms/chat");
    let document = |name: &str| {
        let jwks_uri = issuer.at("/realms/chat/protocol/openid-connect/certs");
        Answer::Json(json!({"issuer": name, "jwks_uri": jwks_uri}))
    };
    keycloak().publish(&issuer, &[(Pair::One, "one")]);
    let mut claims = (keycloak().token.1)();
    // In a container, the issuer's name leads nowhere.
    let outside = "http://localhost:1/realms/chat";
    let path = issuer.at("/realms/chat/.well-known/openid-configuration");
    for (name, discover) in [(name.as_str(), Jwks::discover(&name)), (outside, Jwks::discover(outside).at(path))] {
        issuer.answers(document(name));
        claims["iss"] = name.into();
        let layer = (keycloak().layer)(discover.build().unwrap());
        let admitted = admit(&layer, &Pair::One.sign("one", Some("JWT"), &claims)).await;
        assert_eq!(admitted, Ok(Some((keycloak().subject)())), "{name}");
    }
}

fn auth0() -> Recipe {
    Recipe {
        issuer: "https://chat.eu.auth0.com/",
        path: "/.well-known/openid-configuration",
        document: |issuer| {
            json!({
                "authorization_endpoint": issuer.at("/authorize"),
                "token_endpoint": issuer.at("/oauth/token"),
                "userinfo_endpoint": issuer.at("/userinfo"),
                "jwks_uri": issuer.at("/.well-known/jwks.json"),
                "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
            })
        },
        key: || json!({"alg": "RS256", "use": "sig", "x5t": "a", "x5c": ["MIIC"]}),
        others: Vec::new,
        token: ("JWT", || {
            json!({
                "iss": "https://chat.eu.auth0.com/", "sub": "auth0|6553da60a54af58e29493993",
                "aud": ["https://api.example.com/chat", "https://chat.eu.auth0.com/userinfo"],
                "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "exp": NOW + 86_400, "iat": NOW,
                "scope": "openid profile chat:connect",
            })
        }),
        subject: || Subject::new("auth0|6553da60a54af58e29493993"),
        layer: |keys| {
            let verifier = Verifier::jwks(keys).audience("https://api.example.com/chat").require_scope("chat:connect");
            JwtLayer::new(verifier.clock(now).build().unwrap())
        },
    }
}

#[tokio::test]
async fn auth0s_keys_live() {
    auth0().lives().await;
}

#[tokio::test]
async fn auth0s_tokens_are_judged() {
    let of_profile: Change = |typ, claims| {
        *typ = Some("at+jwt");
        claims["client_id"] = claims["azp"].take();
        remove(claims, "azp");
        claims["jti"] = json!("73WakrfVbNJBaAmhQtEeDv");
    };
    let of_machine: Change = |_, claims| {
        claims["sub"] = json!("awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients");
        claims["gty"] = json!("client-credentials");
        claims["aud"] = json!("https://api.example.com/chat");
        claims["scope"] = json!("chat:connect");
    };
    let id_token: Change = |_, claims| {
        claims["aud"] = claims["azp"].take();
        remove(claims, "azp");
        remove(claims, "scope");
    };
    let machine = Subject::new("awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients");
    auth0()
        .judges(&[
            ("of the profile of RFC 9068", of_profile, Ok(Some((auth0().subject)()))),
            ("of a machine", of_machine, Ok(Some(machine))),
            ("an ID token", id_token, refused("invalid token: audience")),
            (
                "for another API",
                |_, claims| claims["aud"][0] = json!("https://api.example.com/shop"),
                refused("invalid token: audience"),
            ),
            (
                "without the scope",
                |_, claims| claims["scope"] = json!("openid"),
                refused("forbidden: a scope is missing"),
            ),
            (
                "without the slash",
                |_, claims| claims["iss"] = json!("https://chat.eu.auth0.com"),
                refused("invalid token: issuer"),
            ),
        ])
        .await;
    // Without an audience in its request, a client gets a token that only Auth0 can read.
    let issuer = Issuer::https().await;
    let layer = auth0().layer(&issuer, Duration::from_secs(60));
    let encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn";
    for token in ["2YotnFZFEjr1zCsicMWpAA", encrypted] {
        assert_eq!(admit(&layer, token).await, refused("invalid token: not three parts"));
    }
    assert_eq!(issuer.asked(), [""; 0], "and nobody is asked for its key");
}

const TENANT: &str = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
const OTHER_TENANT: &str = "82229342-1101-4ab6-817b-70c0747630f3";
/// That of personal accounts.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const PATTERN: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";

fn of_tenant(tenant: &str) -> String {
    PATTERN.replace("{tenantid}", tenant)
}

fn entra_claims() -> Value {
    json!({
        "aud": "11112222-bbbb-3333-cccc-4444dddd5555", "iss": of_tenant(TENANT), "tid": TENANT,
        "iat": NOW - 5, "nbf": NOW - 5, "exp": NOW + 4000, "aio": "AXQAi/8IAAAA", "azpacr": "0",
        "azp": "22223333-cccc-4444-dddd-5555eeee6666", "name": "Alice", "oid": "33334444-dddd-5555-eeee-6666ffff7777",
        "preferred_username": "alice@example.com", "rh": "I", "scp": "Chat.Connect User.Read",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
    })
}

fn entra() -> Recipe {
    Recipe {
        issuer: "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
        path: "/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0/.well-known/openid-configuration",
        document: |issuer| json!({"jwks_uri": issuer.at(&format!("/{TENANT}/discovery/v2.0/keys"))}),
        key: || json!({"use": "sig", "alg": null, "x5t": "a", "x5c": ["MIID"], "issuer": of_tenant(TENANT)}),
        others: Vec::new,
        token: ("JWT", entra_claims),
        subject: || Subject::new("HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ"),
        layer: |keys| {
            let verifier = Verifier::jwks(keys).audience("11112222-bbbb-3333-cccc-4444dddd5555");
            JwtLayer::new(verifier.require_scope("Chat.Connect").clock(now).build().unwrap())
        },
    }
}

/// With the document for all tenants, and two that are known.
fn entra_of_many() -> Recipe {
    Recipe {
        issuer: PATTERN,
        path: "/organizations/v2.0/.well-known/openid-configuration",
        document: |issuer| json!({"jwks_uri": issuer.at("/organizations/discovery/v2.0/keys")}),
        key: || json!({"use": "sig", "alg": null, "x5t": "a", "x5c": ["MIID"], "issuer": PATTERN}),
        others: || {
            let personal = json!({"use": "sig", "x5t": "c", "x5c": ["MIID"], "issuer": of_tenant(PERSONAL)});
            vec![Pair::Other.jwk("personal", &personal)]
        },
        subject: || Subject::of_issuer(of_tenant(TENANT), "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ"),
        layer: |keys| {
            let builder = Verifier::jwks(keys).tenants([TENANT, OTHER_TENANT]);
            let builder = builder.audience("11112222-bbbb-3333-cccc-4444dddd5555").require_scope("Chat.Connect");
            JwtLayer::new(Verifiers::new([builder.clock(now).build().unwrap()]).unwrap())
        },
        ..entra()
    }
}

#[tokio::test]
async fn entras_keys_live() {
    entra().lives().await;
}

#[tokio::test]
async fn entras_keys_for_many_tenants_live() {
    entra_of_many().lives().await;
}

#[tokio::test]
async fn entras_tokens_are_judged() {
    let of_version_one: Change = |_, claims| {
        claims["iss"] = json!(format!("https://sts.windows.net/{TENANT}/"));
        claims["aud"] = json!("api://11112222-bbbb-3333-cccc-4444dddd5555");
        claims["ver"] = json!("1.0");
    };
    entra()
        .judges(&[
            ("an ID token", |_, claims| remove(claims, "scp"), refused("forbidden: a scope is missing")),
            (
                "for Microsoft Graph",
                |_, claims| claims["aud"] = json!("00000003-0000-0000-c000-000000000000"),
                refused("invalid token: audience"),
            ),
            ("of version 1.0", of_version_one, refused("invalid token: issuer")),
            (
                "of another tenant",
                |_, claims| claims["iss"] = of_tenant(OTHER_TENANT).into(),
                refused("invalid token: issuer"),
            ),
        ])
        .await;
}

#[tokio::test]
async fn entras_tokens_of_many_tenants_are_judged() {
    let of_other = Subject::of_issuer(of_tenant(OTHER_TENANT), "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ");
    let issuer = || refused("invalid token: issuer");
    entra_of_many()
        .judges(&[
            // The same `sub`, and another user.
            ("of the other tenant", |_, claims| claims["iss"] = of_tenant(OTHER_TENANT).into(), Ok(Some(of_other))),
            ("of a tenant that anybody has", |_, claims| claims["iss"] = of_tenant(PERSONAL).into(), issuer()),
            ("of the pattern", |_, claims| claims["iss"] = PATTERN.into(), issuer()),
            ("of all tenants", |_, claims| claims["iss"] = of_tenant("organizations").into(), issuer()),
        ])
        .await;
    // A key for personal accounts has signed for an organisation.
    let (recipe, issuer) = (entra_of_many(), Issuer::https().await);
    recipe.answers_well(&issuer);
    recipe.publish(&issuer, &[(Pair::One, "one")]);
    let layer = recipe.layer(&issuer, Duration::from_secs(60));
    let forged = Pair::Other.sign("personal", Some("JWT"), &entra_claims());
    assert_eq!(admit(&layer, &forged).await, refused("invalid token: unknown key"));
}

fn google() -> Recipe {
    Recipe {
        issuer: "https://accounts.google.com",
        path: "/.well-known/openid-configuration",
        document: |issuer| {
            json!({
                "authorization_endpoint": issuer.at("/o/oauth2/v2/auth"),
                "jwks_uri": issuer.at("/oauth2/v3/certs"),
                "id_token_signing_alg_values_supported": ["RS256"],
            })
        },
        key: || json!({"use": "sig", "alg": "RS256"}),
        others: Vec::new,
        token: ("JWT", || {
            json!({
                "iss": "https://accounts.google.com", "azp": "1234987819200.apps.googleusercontent.com",
                "aud": "1234987819200.apps.googleusercontent.com", "sub": "10769150350006150715113082367",
                "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "hd": "example.com", "email": "alice@example.com",
                "email_verified": true, "iat": NOW, "exp": NOW + 3600, "nonce": "0394852-3190485-2490358",
            })
        }),
        subject: || Subject::of_issuer("https://accounts.google.com", "10769150350006150715113082367"),
        layer: |keys| {
            let verifier = Verifier::jwks(keys)
                .issuer_alias("accounts.google.com", "https://accounts.google.com")
                .audience("1234987819200.apps.googleusercontent.com")
                .clock(now)
                .build()
                .unwrap();
            let layer = JwtLayer::new(Verifiers::new([verifier]).unwrap());
            layer.authorize(|user: &Value| user["hd"] == "example.com")
        },
    }
}

#[tokio::test]
async fn googles_keys_live() {
    google().lives().await;
}

#[tokio::test]
async fn googles_tokens_are_judged() {
    let forbidden = || refused("forbidden: the claims do not allow this");
    let alice = || Ok(Some((google().subject)()));
    google()
        .judges(&[
            ("by the other name", |_, claims| claims["iss"] = json!("accounts.google.com"), alice()),
            ("of an app", |_, claims| claims["azp"] = json!("77.apps.googleusercontent.com"), alice()),
            (
                "for another site",
                |_, claims| claims["aud"] = json!("77.apps.googleusercontent.com"),
                refused("invalid token: audience"),
            ),
            ("of anybody", |_, claims| remove(claims, "hd"), forbidden()),
            ("of another organisation", |_, claims| claims["hd"] = json!("example.com.evil.example"), forbidden()),
            (
                "by a name that looks like it",
                |_, claims| claims["iss"] = json!("https://accounts.google.com/"),
                refused("invalid token: issuer"),
            ),
        ])
        .await;
    let layer = google().layer(&Issuer::https().await, Duration::from_secs(60));
    assert_eq!(admit(&layer, "ya29.a0AfH6SMBx").await, refused("invalid token: not three parts"), "an access token");
}

fn remove(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}
