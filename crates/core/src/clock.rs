//! The clock that connections are judged by: tokio's, which tests can pause.
//!
//! Layers must take the time from here, and not from `Instant::now`. With the clock paused, a test of an idle timeout
//! of an hour takes a millisecond, and a layer with a clock of its own would be the one that does not take part.

use std::time::Instant;

/// The time now, by tokio's clock with feature `guard`: a test that pauses that clock holds this one.
///
/// ```
/// # #[cfg(feature = "guard")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Duration;
/// use portcullis_core::clock;
///
/// let start = clock::now();
/// tokio::time::sleep(Duration::from_secs(3600)).await; // takes no time
/// assert_eq!(clock::now() - start, Duration::from_secs(3600));
/// # }
/// # #[cfg(not(feature = "guard"))] fn main() {}
/// ```
#[cfg(feature = "guard")]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time now.
#[cfg(not(feature = "guard"))]
pub fn now() -> Instant {
    Instant::now()
}
