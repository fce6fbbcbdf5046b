//! A wall clock that follows tokio's, and can be set.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use tokio::time::Instant;

use crate::sync::lock;

/// A wall clock that follows tokio's: a test that pauses tokio's clock pauses both.
///
/// Layers read tokio's clock. What expires at a time of day, such as a token, is compared with a wall clock, which does
/// not stop when tokio's is paused. Give this one to whatever asks for the time of day. Clones are the same clock.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use portcullis_core::testing::Clock;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let clock = Clock::at(SystemTime::UNIX_EPOCH);
/// tokio::time::sleep(Duration::from_secs(60)).await; // takes no time: the clock is paused
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<Set>>);

/// What the clock was set to last, and when.
#[derive(Debug, Clone, Copy)]
struct Set {
    to: SystemTime,
    at: Instant,
}

impl Clock {
    /// Creates a clock that starts at the machine's time.
    pub fn new() -> Self {
        Self::at(SystemTime::now())
    }

    /// Creates a clock that starts at `time`.
    pub fn at(time: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Set { to: time, at: Instant::now() })))
    }

    /// Returns the time.
    pub fn now(&self) -> SystemTime {
        let Set { to, at } = *lock(&self.0);
        to.checked_add(at.elapsed()).unwrap_or(to)
    }

    /// Sets the clock, as an administrator, NTP or a machine that slept does. It runs on from there. Tokio's clock
    /// stays as it is.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use portcullis_core::testing::Clock;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let clock = Clock::new();
    /// let read = clock.reader(); // what a verifier of tokens is given
    /// clock.set(SystemTime::UNIX_EPOCH);
    /// tokio::time::sleep(Duration::from_secs(5)).await;
    /// assert_eq!(read(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    /// # }
    /// ```
    pub fn set(&self, time: SystemTime) {
        *lock(&self.0) = Set { to: time, at: Instant::now() };
    }

    /// Returns the clock as a function, for a setting that takes one.
    pub fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_clock_follows_tokios_and_runs_on_from_where_it_is_set() {
        let clock = Clock::at(SystemTime::UNIX_EPOCH);
        let read = clock.reader();
        tokio::time::advance(MINUTE).await;
        assert_eq!((clock.now(), read()), (SystemTime::UNIX_EPOCH + MINUTE, SystemTime::UNIX_EPOCH + MINUTE));
        clock.set(SystemTime::UNIX_EPOCH);
        tokio::time::advance(2 * MINUTE).await;
        assert_eq!(read(), SystemTime::UNIX_EPOCH + 2 * MINUTE);
    }
}
