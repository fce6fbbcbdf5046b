//! The connection of a refused handshake: a proxy that does not check for a 101 lets its client write arbitrary bytes
//! to it.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::ws::WebSocketUpgrade,
    http::StatusCode,
    response::{Redirect, Response},
    routing::{any, get},
};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Version, header::CONNECTION};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use interop::{
    handlers,
    wire::{handshake, plain, serve},
};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::{Connection, GuardLayer};
use portcullis_jwt::{JwtLayer, Verifier};
use portcullis_liveness::Drain;
use portcullis_origin::OriginLayer;
use serde_json::Value;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// A second request, which only the proxy should have admitted.
const SMUGGLED: &str = "GET /secret HTTP/1.1\r\nhost: localhost\r\n\r\n";
const LAST: &str = "GET /secret HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn routes() -> Router {
    let needed = async |_: Connection, up: WebSocketUpgrade| -> Response { handlers::upgrade(up, handlers::echo) };
    let offers = async || (StatusCode::UPGRADE_REQUIRED, [("connection", "Upgrade"), ("upgrade", "websocket")]);
    Router::new()
        .route("/ws", any(async |up: WebSocketUpgrade| handlers::upgrade(up, handlers::echo)))
        .route("/needs", any(needed))
        .route("/secret", get("a secret"))
        .route("/gone", any(async || StatusCode::GONE))
        .route("/moved", any(async || Redirect::to("/ws")))
        .route("/offers", any(offers))
}

fn jwt() -> JwtLayer<Value> {
    let verifier = Verifier::hs256(b"a secret of these tests, 32 bytes").issuer("me").audience("you").build().unwrap();
    JwtLayer::new(verifier).bearer()
}

fn foreign() -> OriginLayer {
    OriginLayer::new(["https://own.example"]).unwrap().deny_absent()
}

/// Routes behind a layer that refuses every handshake, or that answer so themselves, and where to ask.
fn refusing() -> Vec<(&'static str, Router, &'static str)> {
    let draining = Drain::new();
    drop(draining.start());
    vec![
        ("origin", routes().layer(foreign()), "/ws"),
        ("limit", routes().layer(ConnectionLimitLayer::new().global(0)), "/ws"),
        ("token", routes().layer(jwt()), "/ws"),
        ("drain", routes().layer(draining.layer()), "/ws"),
        ("wiring of a layer", routes().layer(ClientIpLayer::new()), "/ws"),
        ("wiring of an address", routes().layer(HandshakeRateLayer::per_second(1).per_client_ip()), "/ws"),
        ("extractor", routes(), "/needs"),
        ("handler", routes().layer(CloseLayer::new()), "/gone"),
        ("handler that offers an upgrade", routes().layer(CloseLayer::new()), "/offers"),
        ("redirect", routes().layer(CloseLayer::new()), "/moved"),
        ("plain answer", routes().layer(CloseLayer::new()), "/secret"),
        ("no route", routes().layer(CloseLayer::http_only()), "/nowhere"),
        ("guarded twice", routes().layer(foreign()).layer(GuardLayer::new()).layer(CloseLayer::new()), "/ws"),
    ]
}

#[tokio::test]
async fn over_http_1_a_refused_handshake_is_the_last_request_of_its_connection() {
    for (name, app, path) in refusing() {
        let answer = plain(serve(app).await, &format!("{}{SMUGGLED}", handshake(path))).await;
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert!(head.lines().any(|line| line.starts_with("connection:") && line.ends_with("close")), "{name}: {head}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{name}: {answer}");
    }
}

#[tokio::test]
async fn no_other_answer_ends_a_connection() {
    let needs = || "GET /needs HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned();
    for (name, app, path) in refusing() {
        let first = match name {
            "extractor" => needs(),
            _ => format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"),
        };
        let answer = plain(serve(app).await, &format!("{first}{LAST}")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{name}: {answer}");
        assert_eq!(answer.to_ascii_lowercase().matches("connection: close").count(), 1, "{name}: {answer}");
    }
}

#[tokio::test]
async fn an_accepted_handshake_does_not_announce_a_close() {
    for (app, path) in [(routes().layer(GuardLayer::new()), "/ws"), (routes().layer(CloseLayer::always()), "/gone")] {
        let head = head(serve(app).await, &handshake(path)).await;
        assert!(head.starts_with("http/1.1 101") && head.contains("connection: upgrade\r\n"), "{head}");
    }
}

/// The head of the answer, in lower case.
async fn head(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(Duration::from_secs(10), stream.read_u8()).await.expect("10 s passed").unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

/// One connection to a server that speaks HTTP/2.
struct Client {
    sender: http2::SendRequest<Empty<Bytes>>,
    address: SocketAddr,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        let mut client = Self { sender, address };
        // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
        assert_eq!(client.ask(Method::GET, "/secret").await.0, 200);
        client
    }

    async fn send(&mut self, method: Method, path: &str) -> http::Response<hyper::body::Incoming> {
        let request = Request::builder().method(&method).uri(format!("http://{}{path}", self.address));
        let request = request.version(Version::HTTP_2).header("sec-websocket-version", "13");
        let request = if method == Method::CONNECT {
            request.extension(hyper::ext::Protocol::from_static("websocket"))
        } else {
            request
        };
        let response = self.sender.send_request(request.body(Empty::new()).unwrap());
        timeout(Duration::from_secs(10), response).await.expect("10 s passed").unwrap()
    }

    async fn ask(&mut self, method: Method, path: &str) -> (StatusCode, HeaderMap) {
        let response = self.send(method, path).await;
        (response.status(), response.headers().clone())
    }
}

#[tokio::test]
async fn over_http_2_a_refused_handshake_ends_nothing_but_its_stream() {
    let origin = foreign();
    let app = Router::new()
        .route("/echo", any(async |up: WebSocketUpgrade| handlers::upgrade(up, handlers::echo)))
        .layer(GuardLayer::new())
        .nest("/origin", routes().layer(origin))
        .nest("/token", routes().layer(jwt()))
        .nest("/limit", routes().layer(ConnectionLimitLayer::new().global(0)))
        .nest("/close", routes().layer(CloseLayer::http_only()))
        .merge(routes());
    let mut client = Client::connect(serve(app).await).await;
    let sibling = client.send(Method::CONNECT, "/echo").await;
    assert_eq!(sibling.status(), 200);
    for (path, status) in [
        ("/origin/ws", 403),
        ("/token/ws", 401),
        ("/limit/ws", 503),
        ("/needs", 500),
        ("/close/gone", 410),
        ("/close/moved", 303),
    ] {
        let (answered, headers) = client.ask(Method::CONNECT, path).await;
        assert_eq!((answered.as_u16(), headers.get(CONNECTION)), (status, None), "{path}");
    }
    let mut socket = TokioIo::new(hyper::upgrade::on(sibling).await.unwrap());
    tokio::io::AsyncWriteExt::write_all(&mut socket, b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut echo = [0; 4];
    timeout(Duration::from_secs(10), socket.read_exact(&mut echo)).await.expect("10 s passed").unwrap();
    assert_eq!(&echo, b"\x81\x02hi", "a sibling lives on");
}
