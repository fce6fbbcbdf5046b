//! Handshakes that are accepted only to be closed, with clients that exploit it.

use std::{future::poll_fn, pin::pin, sync::mpsc, task::Poll, time::Duration};

use axum::{Router, extract::ws::WebSocketUpgrade, http::StatusCode, middleware::from_fn, routing::any};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use interop::{
    handlers,
    observed::behind_a_gate,
    pipe,
    wire::{Seen, Wire, handshake, serve},
};
use portcullis_close::CloseLayer;
use portcullis_core::{CloseCode, CloseFrame, Connection, GuardLayer, settings::Closing};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpStream,
    time::timeout,
};

/// More connections than other tests of this process have at a time.
const PLACES: usize = 100;

fn forbidding() -> Router {
    Router::new().route("/", any(async || StatusCode::FORBIDDEN))
}

#[tokio::test]
async fn a_place_is_taken_until_the_client_has_answered_the_close() {
    let address = serve(forbidding().layer(CloseLayer::always().max_concurrent(1))).await;
    let mut silent = Wire::open(address, "/").await;
    assert_eq!(silent.next().await, Seen::Close(3003, "forbidden".into()));
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(handshake("/").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(10), other.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    silent.send(0x88, &3003_u16.to_be_bytes()).await;
    assert_eq!(silent.next().await, Seen::Eof);
    Wire::open(address, "/").await;
}

#[tokio::test]
async fn those_that_never_answer_leave_room_for_the_closing_handshakes_of_others() {
    let (sender, live) = mpsc::channel();
    let handler = any(async move |connection: Connection, up: WebSocketUpgrade| {
        sender.send(connection).unwrap();
        handlers::upgrade(up, handlers::echo)
    });
    let closing = Closing::new().max_concurrent(2 * PLACES).timeout(Duration::from_mins(1));
    let app = forbidding().route("/live", handler).layer(CloseLayer::always().max_concurrent(PLACES));
    let address = serve(app.layer(GuardLayer::new().closing(closing))).await;
    let mut polite = Wire::open(address, "/live").await;
    let mut silent = Vec::new();
    for _ in 0..3 * PLACES {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(handshake("/").as_bytes()).await.unwrap();
        timeout(Duration::from_secs(10), stream.read_u8()).await.expect("10 s passed").unwrap();
        silent.push(stream);
    }
    let reason = CloseFrame::new(CloseCode::SERVICE_RESTART, "back soon");
    live.recv().unwrap().close(reason);
    assert_eq!(polite.next().await, Seen::Close(1012, "back soon".into()));
    let dropped = timeout(Duration::from_millis(300), polite.next()).await;
    assert!(dropped.is_err(), "its answer is waited for: {dropped:?}");
    polite.send(0x88, &1012_u16.to_be_bytes()).await;
    assert_eq!(polite.next().await, Seen::Eof);
}

/// A client that does not read the answer to its handshake, of which little fits into its pipe.
async fn unread(app: &Router) -> DuplexStream {
    let (mut client, server) = duplex(16);
    let service = TowerToHyperService::new(app.clone());
    let http = hyper::server::conn::http1::Builder::new();
    tokio::spawn(http.serve_connection(TokioIo::new(server), service).with_upgrades());
    client.write_all(handshake("/").as_bytes()).await.unwrap();
    // Its answer begins.
    client.read_u8().await.unwrap();
    client
}

#[tokio::test]
async fn a_place_is_taken_behind_a_gate_too_until_the_connection_has_ended() {
    for gated in [false, true] {
        let (sender, refused) = mpsc::channel();
        let forbidding = any(async move |connection: Connection| {
            sender.send(connection).unwrap();
            StatusCode::FORBIDDEN
        });
        let forbidding = Router::new().route("/", forbidding);
        let app = if gated { forbidding.layer(from_fn(behind_a_gate)) } else { forbidding };
        let app = app.layer(CloseLayer::always().max_concurrent(1));
        let client = unread(&app).await;
        let connection = refused.recv().unwrap();
        let mut closed = pin!(connection.closed());
        // From here on, it learns of the end after what was held.
        assert!(poll_fn(|cx| Poll::Ready(closed.as_mut().poll(cx).is_pending())).await);
        assert_eq!(pipe::status(&app, "/", "").await, 403, "gated: {gated}");
        drop(client);
        timeout(Duration::from_secs(10), closed).await.expect("the connection comes to nothing");
        assert_eq!(pipe::status(&app, "/", "").await, 101, "gated: {gated}");
    }
}
