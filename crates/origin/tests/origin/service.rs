//! The service around others.

use http::{Request, Response, StatusCode};
use portcullis_core::{identity::OriginChecked, refusal::Refusal};
use portcullis_origin::OriginLayer;
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_test::mock;

fn layer() -> OriginLayer {
    OriginLayer::new(["https://a.example"]).unwrap()
}

fn handshake(origin: &str) -> Request<()> {
    Request::get("/").header("sec-websocket-key", "x").header("origin", origin).body(()).unwrap()
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_inner_service() {
    let (service, mut handle) = mock::pair::<Request<()>, Response<()>>();
    let response = layer().layer(service).oneshot(handshake("https://evil.net")).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.extensions().get::<Refusal>().unwrap().kind(), "origin_not_allowed");
    assert!(handle.next_request().await.is_none());
}

#[tokio::test]
async fn allowed_handshakes_other_requests_and_report_only_pass() {
    let inner = ConcurrencyLimit::new(service_fn(async |_: Request<()>| Ok::<_, ()>(Response::new(()))), 1);
    let plain = Request::get("/").header("origin", "https://evil.net").body(()).unwrap();
    for (layer, request) in [
        (layer(), handshake("https://a.example")),
        (layer(), plain),
        (layer().report_only(), handshake("https://evil.net")),
    ] {
        assert_eq!(layer.layer(inner.clone()).oneshot(request).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_refusal_is_closed_as_forbidden_and_leaves_no_permit_behind() {
    let inner = ConcurrencyLimit::new(service_fn(async |_: Request<()>| Ok::<_, ()>(Response::new(()))), 1);
    let refused = layer().layer(inner.clone()).oneshot(handshake("https://evil.net")).await.unwrap();
    let close = refused.extensions().get::<Refusal>().and_then(Refusal::close_frame).unwrap();
    assert_eq!(close.code(), Some(portcullis_core::CloseCode::FORBIDDEN));
    assert_eq!(layer().layer(inner).oneshot(handshake("https://a.example")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_handshake_is_marked_as_checked_only_where_a_foreign_one_is_refused() {
    for (layer, marked) in [
        (layer(), true),
        (layer().report_only(), false),
        (OriginLayer::danger_any(), false),
        (OriginLayer::danger_any().allow_null(), false),
    ] {
        let inner = service_fn(async |request: Request<()>| {
            let marked = request.extensions().get::<OriginChecked>().is_some();
            Ok::<_, ()>(Response::new(marked))
        });
        let response = layer.clone().layer(inner).oneshot(handshake("https://a.example")).await.unwrap();
        assert_eq!(*response.body(), marked, "{layer:?}");
    }
}
