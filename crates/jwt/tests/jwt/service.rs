//! The service among others of Tower's, and what it says to the log.

use http::{Request, Response, StatusCode};
use portcullis_core::refusal::Refusal;
use portcullis_jwt::{JwtLayer, Session, TokenError, Verification, Verified, Verify};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
use tower_test::mock;

use crate::log::Log;

/// Accepts `sesame`, at once or later.
struct Word {
    later: bool,
}

impl Verify<()> for Word {
    fn verify(&self, token: &str) -> Verification<()> {
        let result = if token == "sesame" { Ok(Verified::new(())) } else { Err(TokenError::Invalid("word")) };
        if self.later { Verification::wait(async { result }) } else { Verification::ready(result) }
    }
}

fn layer(later: bool) -> JwtLayer<()> {
    JwtLayer::new(Word { later })
}

fn handshake(token: &str) -> Request<()> {
    let request = Request::get("/ws?a=b").header("upgrade", "websocket");
    request.header("authorization", format!("Bearer {token}")).body(()).unwrap()
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_inner_service() {
    for (later, plain) in [(false, false), (true, false), (false, true), (true, true)] {
        let (service, mut handle) = mock::pair::<Request<()>, Response<()>>();
        let mut request = handshake("friend");
        if plain {
            request.headers_mut().remove("upgrade");
        }
        let response = layer(later).layer(service).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.extensions().get::<Refusal>().unwrap().kind(), "token_invalid");
        assert!(handle.next_request().await.is_none());
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    // A concurrency limit panics if it is called without being ready.
    for later in [false, true] {
        let inner = service_fn(async |request: Request<()>| {
            Ok::<_, std::convert::Infallible>(Response::new(request.extensions().get::<Session<()>>().is_some()))
        });
        let mut service = layer(later).layer(ConcurrencyLimitLayer::new(1).layer(inner));
        for _ in 0..3 {
            assert!(service.ready().await.unwrap().call(handshake("sesame")).await.unwrap().into_body());
        }
        let mut plain = handshake("sesame");
        plain.headers_mut().remove("upgrade");
        assert!(service.ready().await.unwrap().call(plain).await.unwrap().into_body());
    }
}

#[tokio::test]
async fn no_token_is_written_to_the_log() {
    let (log, _guard) = Log::begin();
    let inner = service_fn(async |request: Request<()>| {
        tracing::info!(?request, "inside");
        Ok::<_, std::convert::Infallible>(Response::new(()))
    });
    let service = layer(false).bearer().query("token").danger_cookie_of_any_page("session").layer(inner);
    for token in ["sesame", "friend"] {
        let mut request = handshake(token);
        *request.uri_mut() = format!("/ws?token={token}2").parse().unwrap();
        request.headers_mut().insert("cookie", format!("session={token}3").parse().unwrap());
        let response = service.clone().oneshot(request).await.unwrap();
        tracing::info!(?response, refusal = ?response.extensions().get::<Refusal>(), "outside");
    }
    let mut cookie = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
    cookie.headers_mut().insert("cookie", "session=sesame".parse().unwrap());
    service.oneshot(cookie).await.unwrap();
    let lines = log.text();
    assert!(lines.contains("inside") && lines.contains("token_invalid"), "{lines}");
    assert_eq!(lines.matches("whose origin was not checked").count(), 1, "{lines}");
    assert!(!lines.contains("sesame") && !lines.contains("friend"), "{lines}");
}
