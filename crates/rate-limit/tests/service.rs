//! The service among others of Tower's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use portcullis_core::refusal::Refusal;
use portcullis_rate_limit::MessageRateLayer;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

async fn fine(_: Request<()>) -> Result<Response<()>, Infallible> {
    Ok(Response::new(()))
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    // A concurrency limit panics if it is called without being ready.
    let mut service = MessageRateLayer::per_second(1).layer(ConcurrencyLimitLayer::new(1).layer(service_fn(fine)));
    for upgrade in ["websocket", "h2c", "websocket"] {
        let request = Request::get("/").header("upgrade", upgrade).body(()).unwrap();
        assert_eq!(service.ready().await.unwrap().call(request).await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn what_is_no_handshake_needs_no_address() {
    let request = Request::get("/").body(()).unwrap();
    let response = MessageRateLayer::per_second(1).per_client_ip().layer(service_fn(fine)).oneshot(request).await;
    assert!(response.unwrap().extensions().get::<Refusal>().is_none());
}
