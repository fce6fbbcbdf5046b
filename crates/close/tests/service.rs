//! The service among others of Tower's.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use portcullis_close::CloseLayer;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};

fn handshake() -> Request<()> {
    let request = Request::get("/ws").header("upgrade", "websocket").header("origin", "https://page.example");
    request.header("sec-websocket-version", "13").body(()).unwrap()
}

async fn not_found(_: Request<()>) -> Result<Response<()>, Infallible> {
    Ok(Response::builder().status(StatusCode::NOT_FOUND).body(()).unwrap())
}

#[tokio::test]
async fn what_cannot_be_upgraded_goes_out_as_http() {
    let response = CloseLayer::always().layer(service_fn(not_found)).oneshot(handshake()).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND, "there is no connection to close");
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    // A concurrency limit panics if it is called without being ready.
    let mut service = CloseLayer::new().layer(ConcurrencyLimitLayer::new(1).layer(service_fn(not_found)));
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(handshake()).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }
}
