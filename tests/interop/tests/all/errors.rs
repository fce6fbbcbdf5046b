//! What a client receives when a library fails: the error that a handler returns decides the close code.

use std::{future::Future, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{Request, ws},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http_body_util::Empty;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use interop::wire::{self, Seen, Wire};
use portcullis_close::messages::{JsonMessages, ReadError};
use portcullis_core::{CloseCode, Connection, GuardLayer, IntoClose};

const MAX_SIZE: usize = 1024;

#[derive(serde::Deserialize)]
struct Say {
    words: Vec<String>,
}

fn says() -> JsonMessages<Say> {
    JsonMessages::new().max_bytes(128).validate(|say: &Say| {
        if say.words.is_empty() { Err((CloseCode::new(4400).unwrap(), "say something")) } else { Ok(()) }
    })
}

async fn serve(router: Router) -> SocketAddr {
    wire::serve(router.layer(GuardLayer::new())).await
}

/// Runs a handler of an upgraded connection under supervision.
fn upgraded<R, E>(request: &mut Request, handler: impl FnOnce(TokioIo<Upgraded>) -> R + Send + 'static) -> Response
where
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: IntoClose + 'static,
{
    let key = request.headers()["sec-websocket-key"].as_bytes();
    let accept = hyper_tungstenite::tungstenite::handshake::derive_accept_key(key);
    let connection = request.extensions().get::<Connection>().unwrap().clone();
    let upgrade: OnUpgrade = hyper::upgrade::on(request);
    tokio::spawn(async move { connection.supervise(handler)(TokioIo::new(upgrade.await.unwrap())).await });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept)
        .body(Body::new(Empty::<Bytes>::new()))
        .unwrap()
}

/// Every library, with a handler that returns its errors and one that reads JSON.
fn libraries() -> Router {
    Router::new()
        .route(
            "/axum",
            any(async |up: ws::WebSocketUpgrade, connection: Connection| {
                up.max_message_size(MAX_SIZE).max_frame_size(MAX_SIZE).on_upgrade(connection.supervise(axum_errors))
            }),
        )
        .route(
            "/axum/json",
            any(async |up: ws::WebSocketUpgrade, connection: Connection| {
                up.on_upgrade(connection.supervise(axum_json))
            }),
        )
        .route("/tungstenite", any(async |mut request: Request| upgraded(&mut request, tungstenite_errors)))
        .route("/tungstenite/json", any(async |mut request: Request| upgraded(&mut request, tungstenite_json)))
        .route("/fastwebsockets", any(async |mut request: Request| upgraded(&mut request, fast_errors)))
        .route("/fastwebsockets/json", any(async |mut request: Request| upgraded(&mut request, fast_json)))
        .route("/tokio-websockets", any(async |mut request: Request| upgraded(&mut request, tokio_errors)))
        .route("/tokio-websockets/json", any(async |mut request: Request| upgraded(&mut request, tokio_json)))
        .route("/yawc", any(async |mut request: Request| yawc_upgrade(&mut request, yawc_errors)))
        .route("/yawc/json", any(async |mut request: Request| yawc_upgrade(&mut request, yawc_json)))
}

async fn axum_errors(mut socket: ws::WebSocket) -> Result<(), axum::Error> {
    while let Some(message) = socket.recv().await {
        message?;
    }
    Ok(())
}

async fn axum_json(socket: ws::WebSocket) -> Result<(), ReadError<axum::Error>> {
    let mut socket = says().over(socket);
    while let Some(say) = socket.next().await {
        socket.send(ws::Message::text(say?.words.join(" "))).await.map_err(ReadError::Socket)?;
    }
    Ok(())
}

type Io = TokioIo<Upgraded>;
type Tungstenite = hyper_tungstenite::tungstenite::Error;

async fn tungstenite(io: Io) -> hyper_tungstenite::WebSocketStream<Io> {
    use hyper_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
    let config = WebSocketConfig::default().max_message_size(Some(MAX_SIZE));
    hyper_tungstenite::WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await
}

async fn tungstenite_errors(io: Io) -> Result<(), Tungstenite> {
    let mut socket = tungstenite(io).await;
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}

async fn tungstenite_json(io: Io) -> Result<(), ReadError<Tungstenite>> {
    let mut socket = says().over(tungstenite(io).await);
    while let Some(say) = socket.next().await {
        let words = say?.words.join(" ");
        socket.send(hyper_tungstenite::tungstenite::Message::text(words)).await.map_err(ReadError::Socket)?;
    }
    Ok(())
}

fn fast(io: Io) -> fastwebsockets::FragmentCollector<Io> {
    let mut socket = fastwebsockets::WebSocket::after_handshake(io, fastwebsockets::Role::Server);
    socket.set_max_message_size(MAX_SIZE);
    fastwebsockets::FragmentCollector::new(socket)
}

async fn fast_errors(io: Io) -> Result<(), fastwebsockets::WebSocketError> {
    let mut socket = fast(io);
    while socket.read_frame().await?.opcode != fastwebsockets::OpCode::Close {}
    Ok(())
}

async fn fast_json(io: Io) -> Result<(), ReadError<fastwebsockets::WebSocketError>> {
    let mut socket = fast(io);
    loop {
        let frame = socket.read_frame().await.map_err(ReadError::Socket)?;
        if frame.opcode == fastwebsockets::OpCode::Close {
            return Ok(());
        }
        if let Some(say) = says().read(&frame).map_err(ReadError::Message)? {
            let words = fastwebsockets::Frame::text(say.words.join(" ").into_bytes().into());
            socket.write_frame(words).await.map_err(ReadError::Socket)?;
        }
    }
}

fn tokio_websockets(io: Io) -> tokio_websockets::WebSocketStream<Io> {
    let limits = tokio_websockets::Limits::default().max_payload_len(Some(MAX_SIZE));
    tokio_websockets::ServerBuilder::new().limits(limits).serve(io)
}

async fn tokio_errors(io: Io) -> Result<(), tokio_websockets::Error> {
    let mut socket = tokio_websockets(io);
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}

async fn tokio_json(io: Io) -> Result<(), ReadError<tokio_websockets::Error>> {
    let mut socket = says().over(tokio_websockets(io));
    while let Some(say) = socket.next().await {
        let words = tokio_websockets::Message::text(say?.words.join(" "));
        socket.send(words).await.map_err(ReadError::Socket)?;
    }
    Ok(())
}

type Yawc = yawc::WebSocket<yawc::HttpStream>;

fn yawc_upgrade<R, E>(request: &mut Request, handler: impl FnOnce(Yawc) -> R + Send + 'static) -> Response
where
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: IntoClose + 'static,
{
    let connection = request.extensions().get::<Connection>().unwrap().clone();
    let options = yawc::Options::default().with_max_payload_read(MAX_SIZE).with_utf8();
    let (response, socket) = Yawc::upgrade_with_options(request, options).unwrap();
    tokio::spawn(async move { connection.supervise(handler)(socket.await.unwrap()).await });
    response.map(Body::new)
}

async fn yawc_errors(mut socket: Yawc) -> Result<(), yawc::WebSocketError> {
    while socket.next_frame().await?.opcode() != yawc::frame::OpCode::Close {}
    Ok(())
}

async fn yawc_json(socket: Yawc) -> Result<(), ReadError<std::convert::Infallible>> {
    let mut socket = says().over(socket);
    while let Some(say) = socket.next().await {
        let words = yawc::frame::Frame::text(say?.words.join(" "));
        if socket.get_mut().send(words).await.is_err() {
            break;
        }
    }
    Ok(())
}

const LIBRARIES: [&str; 5] = ["/axum", "/tungstenite", "/fastwebsockets", "/tokio-websockets", "/yawc"];

#[tokio::test]
async fn an_error_of_any_library_closes_with_its_code() {
    let address = serve(libraries()).await;
    for library in LIBRARIES {
        for (payload, code) in [(&[b'a'; MAX_SIZE + 1][..], 1009), (b"\xff\xff", 1007)] {
            let mut wire = Wire::open(address, library).await;
            wire.send(0x81, payload).await;
            let seen = wire.next().await;
            assert!(matches!(seen, Seen::Close(seen, _) if seen == code), "{library}: {seen:?} instead of {code}");
        }
    }
}

#[tokio::test]
async fn json_is_read_from_any_library_and_a_wrong_message_says_where_it_is_wrong() {
    let address = serve(libraries()).await;
    for library in LIBRARIES {
        let big = format!(r#"{{"words": ["{}"]}}"#, "a".repeat(200));
        for (first, wrong, code, reason) in [
            (0x81, r#"{"words": ["a", 1]}"#, 1007, "invalid message: words[1]"),
            (0x81, r#"{"words": "#, 1007, "invalid JSON at line 1 column 10"),
            (0x82, r#"{"words": ["a"]}"#, 1003, "binary message where text is read"),
            (0x81, r#"{"words": []}"#, 4400, "say something"),
            (0x81, &big, 1009, "more than 128 bytes"),
        ] {
            let mut wire = Wire::open(address, &format!("{library}/json")).await;
            wire.send(0x81, br#"{"words": ["hello", "there"]}"#).await;
            assert_eq!(wire.next().await, Seen::Frame(0x81, b"hello there".into()), "{library}");
            wire.send(first, wrong.as_bytes()).await;
            assert_eq!(wire.next().await, Seen::Close(code, reason.into()), "{library}: {wrong}");
        }
    }
}
