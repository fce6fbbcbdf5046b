//! The layers that guard, and what they are asked to do.

use std::time::{Duration, SystemTime};

use portcullis::{
    CloseCode, CloseFrame,
    connections::ConnectionLimitLayer,
    identity::Subject,
    jwt::{JwtLayer, TokenError, Verification, Verified, Verify},
    liveness::{Drain, KeepAliveLayer, MessageSizeLayer, WriteTimeoutLayer},
    rate_limit::{MessageRateLayer, Quota},
};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use crate::libraries::Bare;

/// The most bytes of a message: more than legal traffic has.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The most messages at once: more than legal traffic has.
pub const BURST: u32 = 64;

/// How long a token lives whose end is waited for.
const BRIEF: Duration = Duration::from_millis(300);

/// Accepts `alice`, and `brief` for a moment.
struct Tokens;

impl Verify<()> for Tokens {
    fn verify(&self, token: &str) -> Verification<()> {
        let mut verified = Verified::new(());
        verified.subject = Some(Subject::new(token));
        match token {
            "alice" => {}
            "brief" => verified.expires_at = Some(SystemTime::now() + BRIEF),
            _ => return Verification::ready(Err(TokenError::Invalid("unknown"))),
        }
        Verification::ready(Ok(verified))
    }
}

/// The header of a token.
pub fn token(name: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {name}"))
}

/// What a kicked client reads.
pub fn kick() -> CloseFrame {
    CloseFrame::new(CloseCode::new(4001).unwrap(), "kicked")
}

/// Puts the layers in front of a service.
pub fn guarded(service: Bare, drain: &Drain) -> Bare {
    // So that time brings nothing, however long a busy machine takes for a burst.
    let hourly = Quota::per_hour(1.try_into().unwrap());
    let layers = ServiceBuilder::new()
        .layer(drain.layer())
        .layer(ConnectionLimitLayer::new().global(100))
        .layer(JwtLayer::<()>::new(Tokens).bearer().handshakes_only())
        .layer(MessageRateLayer::new(hourly).burst(BURST))
        .layer(MessageSizeLayer::new(MAX_BYTES).allow_compression())
        .layer(WriteTimeoutLayer::default())
        .layer(KeepAliveLayer::new());
    BoxCloneSyncService::new(layers.service(service))
}
