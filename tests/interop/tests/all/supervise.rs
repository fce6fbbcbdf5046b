//! The result of a supervised handler decides the close frame, seen by a client that reads bytes.

use std::{error::Error, future::Future};

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use interop::wire::{Seen, Wire, serve};
use portcullis_core::{CloseCode, CloseFrame, Connection, GuardLayer};
use tokio::sync::oneshot;

type Failure = Box<dyn Error + Send + Sync>;

/// A server with one supervised handler.
async fn supervised<H, R, E>(handler: H) -> std::net::SocketAddr
where
    H: Fn(WebSocket) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: portcullis_core::IntoClose + 'static,
{
    let upgrade = any(move |upgrade: WebSocketUpgrade, connection: Connection| async move {
        let response: Response = upgrade.on_upgrade(connection.supervise(handler));
        response
    });
    serve(Router::new().route("/ws", upgrade).layer(GuardLayer::new())).await
}

/// Sends one message, and returns what the client receives.
async fn seen(address: std::net::SocketAddr) -> Vec<Seen> {
    let mut wire = Wire::open(address, "/ws").await;
    wire.send(0x82, b"go").await;
    let mut seen = Vec::new();
    loop {
        seen.push(wire.next().await);
        if !matches!(seen.last(), Some(Seen::Frame(..))) {
            return seen;
        }
    }
}

fn close(code: u16, reason: &str) -> Vec<Seen> {
    vec![Seen::Close(code, reason.into())]
}

async fn first(mut socket: WebSocket) -> Option<Message> {
    socket.recv().await?.ok()
}

#[tokio::test]
async fn the_result_decides() {
    let ok = supervised(async |socket| {
        first(socket).await;
        Ok::<_, CloseCode>(())
    })
    .await;
    assert_eq!(seen(ok).await, close(1000, ""));
    let code = supervised(async |socket| {
        first(socket).await;
        Err((CloseCode::new(4404).unwrap(), "no such room"))
    });
    assert_eq!(seen(code.await).await, close(4404, "no such room"));
    let internal = supervised(async |socket| {
        first(socket).await;
        Err::<(), Failure>("the password of the database is wrong".into())
    });
    assert_eq!(seen(internal.await).await, close(1011, "internal error"), "the text stays here");
}

#[tokio::test]
async fn a_panic_is_1011_though_another_task_holds_half_of_the_socket() {
    let address = supervised(async |socket: WebSocket| {
        let (mut sink, mut stream) = socket.split();
        let (held, holds) = oneshot::channel::<()>();
        tokio::spawn(async move {
            sink.send(Message::Binary("held".into())).await.unwrap();
            let _never_sent = holds.await;
            drop(sink);
        });
        stream.next().await;
        let _held = held;
        if stream.next().await.is_none() {
            Ok::<_, CloseFrame>(())
        } else {
            std::panic::resume_unwind(Box::new("a bug"))
        }
    });
    let mut wire = Wire::open(address.await, "/ws").await;
    wire.send(0x82, b"go").await;
    assert_eq!(wire.next().await, Seen::Frame(0x82, b"held".to_vec()));
    wire.send(0x82, b"fail").await;
    assert_eq!(wire.next().await, Seen::Close(1011, "internal error".into()));
}

#[tokio::test]
async fn answers_go_out_before_the_close() {
    let address = supervised(async |mut socket: WebSocket| {
        let message = socket.recv().await.and_then(Result::ok).ok_or(CloseCode::INTERNAL_ERROR)?;
        socket.send(message).await.map_err(|_| CloseCode::INTERNAL_ERROR)?;
        Err(CloseCode::GOING_AWAY)
    });
    assert_eq!(seen(address.await).await, [Seen::Frame(0x82, b"go".to_vec()), Seen::Close(1001, String::new())]);
}

#[tokio::test]
async fn a_close_of_the_peer_is_answered_whatever_the_result() {
    let address = supervised(async |mut socket: WebSocket| {
        while let Some(Ok(_)) = socket.recv().await {}
        Err::<(), _>(CloseCode::INTERNAL_ERROR)
    });
    let mut wire = Wire::open(address.await, "/ws").await;
    wire.send(0x88, b"\x0f\xa0bye").await;
    assert_eq!(wire.next().await, Seen::Close(4000, "bye".into()));
}

#[tokio::test]
async fn a_handler_that_keeps_its_own_loop_closes_on_an_error() {
    let upgrade = any(async |upgrade: WebSocketUpgrade, connection: Connection| {
        upgrade.on_upgrade(async move |mut socket| {
            socket.recv().await;
            connection.close_with_error((CloseCode::UNSUPPORTED_DATA, "text only"));
            while let Some(Ok(_)) = socket.recv().await {}
        })
    });
    let address = serve(Router::new().route("/ws", upgrade).layer(GuardLayer::new())).await;
    assert_eq!(seen(address).await, close(1003, "text only"));
}
