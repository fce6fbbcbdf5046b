//! The ping loop that handlers have without a layer for it.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::time::{Instant, sleep_until};

/// How long a client may take to answer a ping, by hand and by the layer: no client is judged, because one that a busy
/// machine or valgrind holds up is no less polite.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Answers messages, pings as `KeepAliveLayer` does, and leaves when a ping has no answer.
pub(crate) async fn keep(mut socket: WebSocket, interval: Duration) {
    let period = interval.mul_f64(1.0 - fastrand::f64() / 4.0);
    let (mut next, mut answer) = (Instant::now() + period, None);
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = sleep_until(answer.unwrap_or(next)) => {
                if answer.is_some() || socket.send(ping()).await.is_err() {
                    return;
                }
                (next, answer) = (Instant::now() + period, Some(Instant::now() + PATIENCE));
                continue;
            }
        };
        let Some(Ok(message)) = message else { return };
        answer = None;
        if is_data(&message) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// Of the size that the guard's have.
fn ping() -> Message {
    Message::Ping(b"are you?".as_slice().into())
}

/// Whether handlers answer it.
pub(crate) fn is_data(message: &Message) -> bool {
    matches!(message, Message::Text(_) | Message::Binary(_))
}
