//! The guarded connection under other WebSocket libraries, on bare hyper, and over HTTP/2.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use interop::wire::{self, Seen, Wire};
use portcullis_close::CloseLayer;
use portcullis_core::{
    CloseCode, CloseFrame, Connection, PolicyLayer,
    frame::FrameHeader,
    policy::{Policy, Verdict},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::service_fn;
use tower_layer::Layer;

type Handshake = Request<Incoming>;
type Answer = Response<Full<Bytes>>;

/// Admits two messages, then closes.
struct Two(u32);

impl Policy for Two {
    fn on_frame(&mut self, frame: &FrameHeader, _: std::time::Instant) -> Verdict {
        self.0 += u32::from(frame.starts_message());
        if self.0 > 2 { Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "enough")) } else { Verdict::Pass }
    }
}

/// Serves a handler on bare hyper, with a policy in front of it.
async fn serve(handler: fn(Handshake) -> Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = PolicyLayer::new(|_: &http::request::Parts, _: &Connection| Two(0));
    let service = layer.layer(service_fn(move |request| std::future::ready(Ok::<_, Infallible>(handler(request)))));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                builder.http2().enable_connect_protocol();
                let _client_may_leave = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

fn switching(request: &Handshake) -> Answer {
    let key = request.headers()["sec-websocket-key"].as_bytes();
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", hyper_tungstenite::tungstenite::handshake::derive_accept_key(key))
        .body(Full::default())
        .unwrap()
}

/// Two echoes, then the policy's close.
async fn echoes_twice(handler: fn(Handshake) -> Answer) {
    let mut wire = Wire::open(serve(handler).await, "/").await;
    for text in ["one", "two"] {
        wire.send(0x81, text.as_bytes()).await;
        assert_eq!(wire.next().await, Seen::Frame(0x81, text.into()));
    }
    wire.send(0x81, b"three").await;
    assert_eq!(wire.next().await, Seen::Close(1008, "enough".into()));
}

fn tungstenite(mut request: Handshake) -> Answer {
    let (response, socket) = hyper_tungstenite::upgrade(&mut request, None).unwrap();
    tokio::spawn(async move {
        let mut socket = socket.await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    response.map(|_| Full::default())
}

#[tokio::test]
async fn hyper_tungstenite_is_guarded() {
    echoes_twice(tungstenite).await;
}

fn fast(mut request: Handshake) -> Answer {
    let (response, socket) = fastwebsockets::upgrade::upgrade(&mut request).unwrap();
    tokio::spawn(async move {
        let mut socket = fastwebsockets::FragmentCollector::new(socket.await.unwrap());
        while let Ok(frame) = socket.read_frame().await {
            if frame.opcode == fastwebsockets::OpCode::Close || socket.write_frame(frame).await.is_err() {
                return;
            }
        }
    });
    response.map(|_| Full::default())
}

#[tokio::test]
async fn fastwebsockets_is_guarded() {
    echoes_twice(fast).await;
}

fn tokio_ws(mut request: Handshake) -> Answer {
    let response = switching(&request);
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut socket = tokio_websockets::ServerBuilder::new().serve(TokioIo::new(upgrade.await.unwrap()));
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    response
}

#[tokio::test]
async fn tokio_websockets_is_guarded() {
    echoes_twice(tokio_ws).await;
}

/// Says whether there is anything left to upgrade.
#[expect(clippy::needless_pass_by_value, reason = "a handler takes the request")]
fn upgradable(request: Handshake) -> Answer {
    let mut response = Response::new(Full::default());
    if request.extensions().get::<hyper::upgrade::OnUpgrade>().is_some() {
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
    }
    response
}

#[tokio::test]
async fn connect_without_a_protocol_cannot_become_a_socket() {
    let address = serve(upgradable).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"CONNECT a.example:80 HTTP/1.1\r\nhost: a.example:80\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

/// Libraries look for `upgrade` anywhere in `Connection`, or for any key, and a proxy before them does not.
#[tokio::test]
async fn an_invalid_handshake_reaches_no_library() {
    let address = serve(upgradable).await;
    let good = wire::handshake("/").replace("Upgrade\r\n", "close, Upgrade\r\n");
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (replaced, by, status) in [
        ("", "", 418),
        ("close, Upgrade", "close,UPGRADE", 418),
        ("close, Upgrade", "close\r\nconnection: upgrade", 418),
        ("connection: close, Upgrade\r\n", "", 400),
        ("close, Upgrade", "close", 400),
        ("close, Upgrade", "close, x-upgrade-x", 400),
        (key, "", 400),
        (key, &key.repeat(2), 400),
        (key, "sec-websocket-key: c2hvcnQ=\r\n", 400),
        (key, "sec-websocket-key: not base64, 24 bytes\r\n", 400),
    ] {
        let answer = wire::plain(address, &good.replace(replaced, by)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{by}: {answer}");
    }
}

mod http2 {
    use axum::{
        Router,
        extract::ws::{Message, WebSocket, WebSocketUpgrade},
        routing::any,
    };

    use super::*;

    async fn echo(mut socket: WebSocket) {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Message::Text(_)) && socket.send(message).await.is_err() {
                return;
            }
        }
    }

    /// A WebSocket over HTTP/2 (RFC 8441).
    async fn open(app: Router, origin: &str) -> TokioIo<hyper::upgrade::Upgraded> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
        let ping = Request::get(format!("http://{address}/nothing")).body(Empty::<Bytes>::new()).unwrap();
        client.send_request(ping).await.unwrap();
        let request = Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri(format!("http://{address}/"))
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .header("origin", origin)
            .body(Empty::<Bytes>::new())
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        TokioIo::new(hyper::upgrade::on(response).await.unwrap())
    }

    #[tokio::test]
    async fn axum_is_guarded_over_extended_connect() {
        let app = Router::new()
            .route("/", any(async |up: WebSocketUpgrade| up.on_upgrade(echo)))
            .layer(PolicyLayer::new(|_: &http::request::Parts, _: &Connection| Two(0)));
        let mut socket = open(app, "https://page.example").await;
        let mut frames = Vec::new();
        for text in ["one", "two", "three"] {
            wire::put_frame(&mut frames, 0x81, text.as_bytes());
        }
        socket.write_all(&frames).await.unwrap();
        let mut seen = [0; 20];
        socket.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"\x81\x03one\x81\x03two\x88\x08\x03\xf0enough");
        assert_eq!(socket.read(&mut seen).await.unwrap(), 0, "the stream ends");
    }

    #[tokio::test]
    async fn a_refusal_is_a_close_frame_over_extended_connect() {
        let app = Router::new().route("/", any(async || StatusCode::UNAUTHORIZED)).layer(CloseLayer::new());
        let mut socket = open(app, "https://page.example").await;
        let mut seen = Vec::new();
        socket.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen, b"\x88\x0e\x0b\xb8unauthorized");
    }
}
