//! The layers and their settings.

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

/// The limit on the size of messages, above that of legal traffic.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The limit on messages, above that of legal traffic.
pub const BURST: u32 = 64;

/// The lifetime of the token whose expiry is tested.
const BRIEF: Duration = Duration::from_millis(300);

/// Accepts `alice`, and `brief` for a short time.
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

/// The close frame of a kicked client.
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
