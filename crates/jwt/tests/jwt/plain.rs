//! Requests that are not handshakes, and those that are almost one.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response, StatusCode, Version};
use portcullis_core::{
    csrf,
    identity::{OriginChecked, Subject},
    refusal::Refusal,
    testing::{ConnectError, Handshake},
};
use portcullis_jwt::{JwtLayer, Revocations, Session, TokenError, TokenMessage, Verification, Verified, Verify};
use tower::{Layer, ServiceExt, service_fn};

/// Accepts `sesame`, at once or later, and counts what it is asked.
#[derive(Clone, Default)]
struct Word {
    later: bool,
    asked: Arc<AtomicUsize>,
}

impl Verify<()> for Word {
    fn verify(&self, token: &str) -> Verification<()> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut verified = Verified::new(());
        verified.subject = Some(Subject::new("ali baba"));
        verified.id = Some("1".into());
        verified.issued_at = Some(SystemTime::now());
        let result = if token == "sesame" { Ok(verified) } else { Err(TokenError::Invalid("word")) };
        if !self.later {
            return Verification::ready(result);
        }
        Verification::wait(async {
            tokio::task::yield_now().await;
            result
        })
    }
}

/// Says when a token ends, in seconds since 1970, and leaves it at that. It is the hundredth second.
struct Ends;

impl Verify<()> for Ends {
    fn verify(&self, token: &str) -> Verification<()> {
        let mut verified = Verified::new(());
        verified.subject = Some(Subject::new("ali baba"));
        verified.expires_at = token.parse().ok().map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Verification::ready(Ok(verified))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(100)
    }
}

/// What the handler found: a session with claims, one without, or none; and the URI.
type Found = (Option<bool>, String);

/// The kind of the refusal, or what the handler found.
async fn ask(layer: &JwtLayer<()>, request: Request<()>) -> Result<Found, &'static str> {
    let inner = service_fn(async |request: Request<()>| {
        let session = request.extensions().get::<Session<()>>();
        let found = session.map(|session| session.claims().is_some());
        assert_eq!(request.extensions().get::<Subject>().is_some(), found == Some(true));
        Ok::<_, Infallible>(Response::new((found, request.uri().to_string())))
    });
    let plain = !portcullis_core::handshake::is_handshake(&request.clone().into_parts().0);
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let Some(refusal) = response.extensions().get::<Refusal>() else { return Ok(response.into_body()) };
    assert!(!plain || !response.headers().contains_key("connection"), "{refusal:?} ends the connection");
    Err(refusal.kind().as_str())
}

async fn found(layer: &JwtLayer<()>, request: Request<()>) -> Result<Option<bool>, &'static str> {
    ask(layer, request).await.map(|(found, _)| found)
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(method).uri("/api?a=b&token=sesame");
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

#[tokio::test]
async fn what_has_ended_is_refused_though_its_verifier_does_not_look() {
    let layer = JwtLayer::new(Ends).bearer();
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (token, good) in [("99", false), ("100", false), ("101", true)] {
        let bearer = format!("Bearer {token}");
        for more in [&[][..], &handshake] {
            let headers: Vec<_> = more.iter().copied().chain([("authorization", &*bearer)]).collect();
            let expected = if good { Ok(Some(true)) } else { Err("token_expired") };
            assert_eq!(found(&layer, request("GET", &headers)).await, expected, "{token} {more:?}");
        }
        let session = Session::detached(Verified::new(()));
        assert!(session.claims().is_some(), "what no layer has judged is as it was made");
    }
}

const GOOD: (&str, &str) = ("authorization", "Bearer sesame");
const BAD: (&str, &str) = ("authorization", "Bearer friend");
const COOKIE: (&str, &str) = ("cookie", "session=sesame");
const BAD_COOKIE: (&str, &str) = ("cookie", "session=friend");

const KNOWN: Result<Option<bool>, &str> = Ok(Some(true));
const ANONYMOUS: Result<Option<bool>, &str> = Ok(Some(false));
const MISSING: Result<Option<bool>, &str> = Err("token_missing");
const INVALID: Result<Option<bool>, &str> = Err("token_invalid");
const MALFORMED: Result<Option<bool>, &str> = Err("token_malformed");
const COOKIE_NOT_ENOUGH: Result<Option<bool>, &str> = Err("cookie_not_enough");

const UNSAFE: [&str; 9] = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"];

fn layer() -> JwtLayer<()> {
    JwtLayer::new(Word::default())
}

fn cookie() -> JwtLayer<()> {
    layer().danger_cookie_of_any_page("session")
}

#[tokio::test]
async fn a_bearer_token_authenticates_every_method_and_nothing_else_does() {
    for layer in [
        layer(),
        layer().bearer(),
        layer().subprotocol("bearer"),
        layer().query("token"),
        layer().bearer().first_message(TokenMessage::raw()),
        JwtLayer::new(Word { later: true, ..Word::default() }),
    ] {
        for method in UNSAFE.into_iter().chain(["GET", "HEAD"]) {
            for (headers, answer) in [
                (&[][..], MISSING),
                (&[GOOD], KNOWN),
                (&[BAD], INVALID),
                (&[GOOD, GOOD], MALFORMED),
                (&[BAD, GOOD], MALFORMED),
                (&[("authorization", "Basic sesame")], MISSING),
                (&[COOKIE], MISSING),
                (&[("sec-websocket-protocol", "bearer, sesame")], MISSING),
            ] {
                assert_eq!(found(&layer, request(method, headers)).await, answer, "{layer:?} {method} {headers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_missing_token_is_a_401_with_a_challenge() {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    for (headers, challenge) in [(&[][..], "Bearer"), (&[BAD], "Bearer error=\"invalid_token\"")] {
        let response = layer().layer(inner).oneshot(request("GET", headers)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], challenge);
    }
}

#[tokio::test]
async fn a_cookie_authenticates_what_reads_and_nothing_else() {
    for method in ["GET", "HEAD"] {
        for (headers, answer) in [
            (&[COOKIE][..], KNOWN),
            (&[BAD_COOKIE], INVALID),
            (&[COOKIE, COOKIE], MALFORMED),
            (&[("cookie", "session=sesame; session=friend")], MALFORMED),
            (&[("cookie", "other=sesame")], MISSING),
            (&[COOKIE, ("upgrade", "h2c")], KNOWN),
            (&[GOOD, BAD_COOKIE], KNOWN),
            (&[BAD, COOKIE], INVALID),
        ] {
            assert_eq!(found(&cookie(), request(method, headers)).await, answer, "{method} {headers:?}");
        }
    }
    for method in UNSAFE {
        for (headers, answer) in [
            (&[COOKIE][..], COOKIE_NOT_ENOUGH),
            (&[BAD_COOKIE], COOKIE_NOT_ENOUGH),
            (&[COOKIE, ("x-http-method-override", "GET")], COOKIE_NOT_ENOUGH),
            (&[COOKIE, ("upgrade", "h2c")], COOKIE_NOT_ENOUGH),
            (&[COOKIE, ("connection", "upgrade")], COOKIE_NOT_ENOUGH),
            (&[COOKIE, ("sec-fetch-site", "same-origin")], COOKIE_NOT_ENOUGH),
            (&[("cookie", "other=sesame")], MISSING),
            (&[GOOD, COOKIE], KNOWN),
            (&[BAD, COOKIE], INVALID),
            (&[GOOD, GOOD, COOKIE], MALFORMED),
        ] {
            assert_eq!(found(&cookie(), request(method, headers)).await, answer, "{method} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_cookie_that_is_not_enough_is_not_verified() {
    let word = Word::default();
    let layer = JwtLayer::new(word.clone()).danger_cookie_of_any_page("session");
    assert_eq!(found(&layer, request("POST", &[COOKIE])).await, COOKIE_NOT_ENOUGH);
    assert_eq!(word.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn behind_a_check_for_forged_requests_a_cookie_authenticates_every_method() {
    for method in UNSAFE.into_iter().filter(|method| *method != "OPTIONS") {
        let (mut parts, ()) = request(method, &[COOKIE]).into_parts();
        parts.extensions.insert(OriginChecked);
        let handshakes_alone = Request::from_parts(parts.clone(), ());
        assert_eq!(found(&cookie(), handshakes_alone).await, COOKIE_NOT_ENOUGH, "{method}: of handshakes alone");
        let proof = csrf::check(&parts, |_| Ok(())).unwrap().unwrap();
        parts.extensions.insert(proof);
        assert_eq!(found(&cookie(), Request::from_parts(parts, ())).await, KNOWN, "{method}");
    }
}

#[tokio::test]
async fn a_query_counts_only_where_that_is_said() {
    let named = layer().query("token");
    assert_eq!(ask(&named, request("GET", &[GOOD])).await.unwrap().1, "/api?a=b&token=sesame", "nobody's token");
    for layer in [named.clone().query_on_plain_requests(), layer().query_on_plain_requests().query("token")] {
        for method in ["GET", "POST"] {
            assert_eq!(ask(&layer, request(method, &[])).await, Ok((Some(true), "/api?a=b".into())));
        }
    }
}

#[tokio::test]
async fn optional_and_report_only_let_the_nameless_in() {
    for (layer, headers, answer) in [
        (cookie().optional(), &[][..], ANONYMOUS),
        (cookie().optional(), &[BAD], INVALID),
        (cookie().optional(), &[COOKIE], COOKIE_NOT_ENOUGH),
        (cookie().report_only(), &[], ANONYMOUS),
        (cookie().report_only(), &[BAD], ANONYMOUS),
        (cookie().report_only(), &[GOOD, GOOD], ANONYMOUS),
        (cookie().report_only(), &[COOKIE], ANONYMOUS),
        (cookie().report_only(), &[GOOD], KNOWN),
        (layer().authorize(|()| false), &[GOOD], Err("token_forbidden")),
    ] {
        assert_eq!(found(&layer, request("POST", headers)).await, answer, "{headers:?}");
    }
}

#[tokio::test]
async fn for_handshakes_alone_other_requests_are_not_looked_at() {
    let layers =
        [cookie(), cookie().first_message(TokenMessage::raw()), cookie().single_use(9), layer().query("token")];
    for layer in layers.map(JwtLayer::handshakes_only) {
        for headers in [&[][..], &[GOOD], &[BAD], &[COOKIE]] {
            let (session, uri) = ask(&layer, request("POST", headers)).await.unwrap();
            assert_eq!((session, uri.as_str()), (None, "/api?a=b&token=sesame"), "{headers:?}");
        }
    }
}

/// Whatever makes a request a handshake, no foreign page gets more by it than without.
#[tokio::test]
async fn what_is_almost_a_handshake_does_not_fall_between() {
    let almost = [("upgrade", "websocket"), ("sec-websocket-key", "x"), ("sec-websocket-version", "13")];
    for header in almost {
        for method in UNSAFE {
            for (headers, answer) in [
                (&[header][..], MISSING),
                (&[header, COOKIE], COOKIE_NOT_ENOUGH),
                (&[header, BAD_COOKIE], COOKIE_NOT_ENOUGH),
                (&[header, GOOD], KNOWN),
                (&[header, BAD, COOKIE], INVALID),
            ] {
                assert_eq!(found(&cookie().bearer(), request(method, headers)).await, answer, "{method} {headers:?}");
            }
            let mut checked = request(method, &[header, COOKIE]);
            checked.extensions_mut().insert(OriginChecked);
            assert_eq!(found(&cookie(), checked).await, KNOWN, "{method} {header:?}");
        }
        assert_eq!(found(&cookie(), request("GET", &[header, COOKIE])).await, KNOWN, "{header:?}");
    }
    for (version, answer) in [(Version::HTTP_11, COOKIE_NOT_ENOUGH), (Version::HTTP_2, KNOWN)] {
        let mut connect = request("CONNECT", &[COOKIE]);
        *connect.version_mut() = version;
        assert_eq!(found(&cookie(), connect).await, answer, "{version:?}");
    }
}

#[tokio::test]
async fn no_handler_answers_a_client_whose_first_message_never_comes() {
    let both = || layer().bearer().first_message(TokenMessage::raw());
    for header in [("upgrade", "websocket"), ("sec-websocket-key", "x"), ("sec-websocket-version", "13")] {
        for method in UNSAFE.into_iter().chain(["GET", "HEAD"]) {
            let ask = async |layer: JwtLayer<()>| found(&layer, request(method, &[header])).await;
            assert_eq!(ask(both()).await, MISSING, "{method} {header:?}");
            assert_eq!(ask(both().optional()).await, ANONYMOUS, "{method} {header:?}");
            assert_eq!(ask(both().report_only()).await, ANONYMOUS, "{method} {header:?}");
            assert_eq!(ask(both().handshakes_only()).await, ANONYMOUS, "{method} {header:?}");
        }
    }
    // These could be upgraded, and their handler does not.
    for (layer, answer, status) in [
        (both(), StatusCode::OK, 401),
        (both(), StatusCode::FOUND, 401),
        (both(), StatusCode::NOT_FOUND, 404),
        (both(), StatusCode::INTERNAL_SERVER_ERROR, 500),
        (both().optional(), StatusCode::OK, 200),
        (both().handshakes_only(), StatusCode::OK, 200),
    ] {
        let inner = service_fn(move |_: Request<_>| {
            let response = Response::builder().status(answer).body("a secret".to_owned()).unwrap();
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let answer = Handshake::new("/api").connect(layer.layer(inner)).await;
        let ConnectError::Refused(refused) = answer.unwrap_err() else { panic!("not answered") };
        assert_eq!(refused.status().as_u16(), status);
        assert_eq!(refused.body().is_empty(), status == 401, "{status}");
    }
}

#[tokio::test]
async fn a_plain_session_is_held_against_revocations_and_not_registered() {
    let revocations = Revocations::new();
    let layer = layer().revocations(revocations.clone());
    let kept: Arc<std::sync::Mutex<Option<Session<()>>>> = Arc::default();
    let keep = kept.clone();
    let inner = service_fn(move |request: Request<()>| {
        *keep.lock().unwrap() = request.extensions().get().cloned();
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    });
    layer.layer(inner).oneshot(request("GET", &[GOOD])).await.unwrap();
    let session = kept.lock().unwrap().take().unwrap();
    assert_eq!((session.revoked(), session.claims().is_some()), (false, true));
    let renewed = session.renew("sesame").await;
    assert_eq!(renewed, Err(TokenError::Forbidden("a plain request has no session to renew")));
    assert_eq!(revocations.revoke_id("1").here(), 0, "there is no connection");
    assert!(session.revoked(), "it asks");
    assert_eq!(found(&layer, request("GET", &[GOOD])).await, Err("token_revoked"));
}

#[tokio::test(start_paused = true)]
async fn a_plain_request_does_not_wait_for_ever() {
    struct Silent;
    impl Verify<()> for Silent {
        fn verify(&self, _: &str) -> Verification<()> {
            Verification::wait(std::future::pending())
        }
    }
    let layer = JwtLayer::new(Silent).verify_timeout(Duration::from_secs(3));
    let began = tokio::time::Instant::now();
    assert_eq!(found(&layer, request(Method::GET.as_str(), &[GOOD])).await, Err("issuer_unavailable"));
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

/// Whoever the token names.
struct Anybody;

impl Verify<u8> for Anybody {
    fn verify(&self, token: &str) -> Verification<u8> {
        let mut verified = Verified::new(7);
        verified.subject = Some(Subject::new(token));
        Verification::ready(Ok(verified))
    }
}

#[tokio::test]
async fn a_plain_request_has_one_subject_too() {
    for (outside, report_only, answer) in [
        (None, false, Ok("bob")),
        (Some("bob"), false, Ok("bob")),
        (Some("alice"), false, Err("wiring")),
        (Some("alice"), true, Ok("alice")),
    ] {
        let inner = service_fn(async |request: Request<()>| {
            let subject = request.extensions().get::<Subject>().unwrap().as_str().to_owned();
            Ok::<_, Infallible>(Response::new(subject))
        });
        let layer = JwtLayer::new(Anybody);
        let layer = if report_only { layer.report_only() } else { layer };
        let mut request = request("GET", &[("authorization", "Bearer bob")]);
        outside.map(|name| request.extensions_mut().insert(Subject::new(name)));
        let response = layer.layer(inner).oneshot(request).await.unwrap();
        let said = match response.extensions().get::<Refusal>() {
            Some(refusal) => Err(refusal.kind().as_str()),
            None => Ok(response.body().as_str()),
        };
        assert_eq!(said, answer, "{outside:?}, report only {report_only}");
        assert!(!response.headers().contains_key("connection"), "{outside:?}");
    }
}
