//! Refused handshakes, seen by clients that read a status and by clients that read a close frame.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Request, ws::WebSocketUpgrade},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::Response,
    routing::any,
};
use interop::wire::{self, Seen, Wire, handshake, serve};
use portcullis_close::CloseLayer;
use portcullis_core::{CloseCode, refusal::Refusal};
use portcullis_origin::OriginLayer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

const PAGE: &str = "origin: https://page.example\r\n";

/// A handshake with more headers.
fn with(path: &str, headers: &str) -> String {
    handshake(path).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"))
}

/// The head of the answer.
async fn answer(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(Duration::from_secs(10), stream.read_u8()).await.expect("10 s passed").unwrap();
        head.push(byte);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn refusing() -> Response {
    let refusal = Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE);
    refusal.with_retry_after(Duration::from_secs(7)).with_message("The server is full.").into_response()
}

fn app() -> Router {
    Router::new()
        .route("/full", any(refusing))
        .route(
            "/status/{status}",
            any(async |axum::extract::Path(status): axum::extract::Path<u16>| StatusCode::from_u16(status).unwrap()),
        )
        .route(
            "/ok",
            any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |mut socket| drop(socket.recv().await))),
        )
}

#[tokio::test]
async fn a_page_gets_the_code_and_other_clients_the_status() {
    let address = serve(app().layer(CloseLayer::new())).await;
    for (path, code, reason) in [
        ("/full", 1013, "The server is full.; retry after 7 s"),
        ("/status/401", 3000, "unauthorized"),
        ("/status/403", 3003, "forbidden"),
        ("/nowhere", 1008, "not found"),
        ("/status/500", 1011, "internal server error"),
    ] {
        let mut wire = Wire::request(address, &with(path, PAGE)).await;
        assert_eq!(wire.next().await, Seen::Close(code, reason.into()), "{path}");
        wire.send(0x88, b"").await;
        assert_eq!(wire.next().await, Seen::Eof);
    }
    let head = answer(address, &handshake("/full")).await;
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 7"), "{head}");
    let head = answer(address, &with("/status/302", PAGE)).await;
    assert!(head.starts_with("http/1.1 302"), "{head}");
    let head =
        answer(address, "GET /status/404 HTTP/1.1\r\nhost: localhost\r\norigin: https://page.example\r\n\r\n").await;
    assert!(head.starts_with("http/1.1 404"), "no handshake: {head}");
}

#[tokio::test]
async fn an_admitted_handshake_is_left_alone() {
    let address = serve(app().layer(CloseLayer::new())).await;
    let mut wire = Wire::request(address, &with("/ok", PAGE)).await;
    wire.send(0x88, &4000_u16.to_be_bytes()).await;
    assert_eq!(wire.next().await, Seen::Close(4000, String::new()));
}

#[tokio::test]
async fn a_refused_origin_learns_nothing_more() {
    let origins = OriginLayer::new(["https://own.example"]).unwrap();
    let address = serve(app().layer(origins).layer(CloseLayer::always())).await;
    let head = answer(address, &with("/ok", PAGE)).await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
}

#[tokio::test]
async fn what_no_proxy_takes_for_a_handshake_is_not_accepted_to_be_closed() {
    let address = serve(app().layer(CloseLayer::always())).await;
    for (asked, by) in
        [("connection: Upgrade", "connection: x-upgrade-x"), ("key: dGhlIHNhbXBsZSBub25jZQ==", "key: c2hvcnQ=")]
    {
        let request = with("/ok", PAGE);
        assert!(request.contains(asked), "{request}");
        let head = answer(address, &request.replace(asked, by)).await;
        assert!(head.starts_with("http/1.1 400") && head.contains("connection: close"), "{by}: {head}");
    }
}

#[tokio::test]
async fn a_body_of_axums_says_which_origin_and_how_to_allow_it() {
    let origins = OriginLayer::new(["https://own.example"]).unwrap();
    let address = serve(app().layer(origins)).await;
    let answer = wire::plain(address, &with("/ok", "origin: https://page.example\r\nconnection: close\r\n")).await;
    assert!(answer.contains("Allow it with OriginLayer::new([\"https://page.example\"])"), "{answer}");
}

#[tokio::test]
async fn all_clients_or_none_can_be_selected() {
    let address =
        serve(app().layer(CloseLayer::always().status(StatusCode::UNAUTHORIZED, CloseCode::new(4001).unwrap()))).await;
    assert_eq!(Wire::open(address, "/status/401").await.next().await, Seen::Close(4001, "unauthorized".into()));
    let address = serve(app().layer(CloseLayer::http_only())).await;
    assert!(answer(address, &with("/full", PAGE)).await.starts_with("http/1.1 503"));
    let address = serve(app().layer(CloseLayer::always().max_concurrent(0))).await;
    assert!(answer(address, &with("/full", PAGE)).await.starts_with("http/1.1 503"), "beyond the bound");
}

#[tokio::test]
async fn a_place_is_free_again_after_the_close() {
    let address = serve(app().layer(CloseLayer::always().max_concurrent(1))).await;
    for _ in 0..50 {
        let mut wire = Wire::open(address, "/full").await;
        assert!(matches!(wire.next().await, Seen::Close(1013, _)));
    }
}

#[tokio::test]
async fn a_client_with_another_version_gets_the_supported_one() {
    let address = serve(app().layer(CloseLayer::always())).await;
    let head = answer(address, &handshake("/ok").replace("version: 13", "version: 8")).await;
    assert!(head.starts_with("http/1.1 400") && head.contains("sec-websocket-version: 13"), "{head}");
}

#[tokio::test]
async fn a_subprotocol_is_selected_so_that_a_browser_takes_the_answer() {
    let address = serve(app().layer(CloseLayer::new())).await;
    let head = answer(address, &with("/full", "sec-websocket-protocol: chat, other\r\n")).await;
    assert!(head.starts_with("http/1.1 101") && head.contains("sec-websocket-protocol: chat\r\n"), "{head}");
}

/// The handler has taken the upgrade, and a layer in between changes its response.
async fn overruled() -> (SocketAddr, UnboundedReceiver<bool>) {
    let (events, received) = unbounded_channel();
    let handler = any(async move |upgrade: WebSocketUpgrade| {
        let failed = events.clone();
        let upgrade = upgrade.on_failed_upgrade(move |_| failed.send(false).unwrap());
        upgrade.on_upgrade(async move |_| events.send(true).unwrap())
    });
    let overrule = from_fn(async |request: Request, next: Next| {
        next.run(request).await;
        StatusCode::IM_A_TEAPOT
    });
    (serve(Router::new().route("/ws", handler).layer(overrule).layer(CloseLayer::always())).await, received)
}

#[tokio::test]
async fn a_handler_behind_a_refusal_never_gets_the_socket() {
    let (address, mut received) = overruled().await;
    let mut wire = Wire::open(address, "/ws").await;
    assert_eq!(wire.next().await, Seen::Close(1008, "i'm a teapot".into()));
    assert_eq!(received.recv().await, Some(false), "its failure callback was called");
}
