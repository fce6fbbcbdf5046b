//! A policy of one's own: a trial that ends after so much time, or so many bytes.

use std::time::{Duration, Instant};

use axum::{
    Router,
    extract::ws::{WebSocket, WebSocketUpgrade},
    http::request::Parts,
    routing::any,
};
use portcullis::{
    CloseCode, CloseFrame, Connection, PolicyLayer,
    frame::FrameHeader,
    policy::{Action, Activity, Batch, BatchVerdict, Policy, Verdict},
};

/// What the client reads when its trial is over. 4000 to 4999 are an application's own codes.
fn over(reason: &'static str) -> CloseFrame {
    CloseFrame::new(CloseCode::new(4402).expect("4402 is a private code"), reason)
}

/// How long a trial is, and how much may be sent in it. One lives on each connection.
#[derive(Debug, Clone)]
pub struct Trial {
    /// How long it lasts.
    pub time: Duration,
    /// How many bytes of messages are left.
    pub bytes: u64,
}

impl Policy for Trial {
    fn name(&self) -> &'static str {
        "trial"
    }

    /// All frames of one read at once, which is cheap. What it cannot decide is asked about frame by frame.
    fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
        match self.bytes.checked_sub(batch.messages.bytes + batch.continuations.bytes) {
            Some(left) => {
                self.bytes = left;
                BatchVerdict::Pass
            }
            None => BatchVerdict::OneByOne,
        }
    }

    /// Decided by the header, so that nothing is read of a message for which nothing is left.
    fn on_frame(&mut self, frame: &FrameHeader, _: Instant) -> Verdict {
        if frame.opcode().is_control() {
            return Verdict::Pass;
        }
        match self.bytes.checked_sub(frame.payload_len()) {
            Some(left) => {
                self.bytes = left;
                Verdict::Pass
            }
            None => Verdict::Close(over("the trial's bytes are used up")),
        }
    }

    /// The time begins when the connection is open.
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        Some(activity.opened? + self.time)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(over("the trial's time is over"))
    }
}

/// An echo on trial. Customers, who have a key, have more of it.
pub fn app(trial: &Trial) -> Router {
    let trial = trial.clone();
    let policy = move |parts: &Parts, _: &Connection| {
        let customer = parts.headers.get("x-key").is_some_and(|key| key == "customer");
        if customer { Trial { bytes: u64::MAX, ..trial.clone() } } else { trial.clone() }
    };
    Router::new()
        .route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.read_buffer_size(16 * 1024).on_upgrade(echo)))
        .layer(PolicyLayer::new(policy))
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
