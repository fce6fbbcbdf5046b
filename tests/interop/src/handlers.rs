//! Handlers and policies for tests.

use std::sync::mpsc;

use axum::{
    Router,
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::any,
};
use portcullis_core::{
    CloseCode, CloseFrame, Connection, GuardLayer, PolicyLayer,
    frame::FrameHeader,
    policy::{Policy, Verdict},
};

/// Admits a number of messages, then closes.
pub struct Limit(pub u32);

impl Policy for Limit {
    fn on_frame(&mut self, frame: &FrameHeader, _: std::time::Instant) -> Verdict {
        if !frame.starts_message() {
            return Verdict::Pass;
        }
        if self.0 == 0 {
            return Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "enough"));
        }
        self.0 -= 1;
        Verdict::Pass
    }
}

/// A layer that admits `limit` messages on each connection.
pub fn limited(limit: u32) -> PolicyLayer<impl Fn(&http::request::Parts, &Connection) -> Limit> {
    PolicyLayer::new(move |_: &http::request::Parts, _: &Connection| Limit(limit))
}

/// Upgrades with a small read buffer, so that tests with many connections fit into memory.
pub fn upgrade<F, R>(upgrade: WebSocketUpgrade, handler: F) -> Response
where
    F: FnOnce(WebSocket) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    upgrade.read_buffer_size(16 * 1024).on_upgrade(handler)
}

/// Echoes data messages.
pub async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// The handles of connections, in the order of their handshakes.
pub type Handles = mpsc::Receiver<Connection>;

/// An app that sends the handles of its connections to a channel.
pub fn watched<F, R>(handler: F) -> (Router, Handles)
where
    F: Fn(WebSocket) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let route = any(move |up: WebSocketUpgrade, connection: Connection| {
        sender.send(connection).expect("the test holds the receiver");
        let handler = handler.clone();
        async move { upgrade(up, handler) }
    });
    (Router::new().route("/", route).layer(GuardLayer::new()), receiver)
}

/// A close frame of the application.
pub fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::SERVICE_RESTART, "back soon")
}
