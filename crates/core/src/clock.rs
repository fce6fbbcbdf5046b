//! The clock that connections are judged by: tokio's, which tests can pause.

use std::time::Instant;

/// The time now, by tokio's clock with feature `guard`: a test that pauses that clock holds this one.
#[cfg(feature = "guard")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time now.
#[cfg(not(feature = "guard"))]
pub fn now() -> Instant {
    Instant::now()
}
