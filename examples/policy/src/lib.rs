//! A custom policy: a trial that ends after a period of time or a number of bytes.

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

/// The close frame at the end of a trial. Codes from 4000 to 4999 are for applications.
fn over(reason: &'static str) -> CloseFrame {
    CloseFrame::new(CloseCode::new(4402).expect("4402 is a private code"), reason)
}

/// The limits of a trial. Each connection has its own.
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

    /// Decides about all frames of one read at once, which is cheap. If that is not possible, asks for them one by one.
    fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
        match self.bytes.checked_sub(batch.messages.bytes + batch.continuations.bytes) {
            Some(left) => {
                self.bytes = left;
                BatchVerdict::Pass
            }
            None => BatchVerdict::OneByOne,
        }
    }

    /// Decides by the header, so that a message beyond the limit is never read.
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

    /// The time starts when the connection is open.
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        Some(activity.opened? + self.time)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(over("the trial's time is over"))
    }
}

/// An echo with a trial. Customers, who have a key, have no limit on bytes.
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
