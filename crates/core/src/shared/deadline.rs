//! When a handshake stops waiting.
//!
//! Several layers may ask the store about one handshake: a rate, a limit of connections, a ticket. Each with a time of
//! its own would add up, while the client and a place in the server's accept queue wait. So the first sets a deadline
//! for all.

use std::time::{Duration, Instant};

use http::Extensions;

use crate::clock::now;

/// When a handshake stops waiting for the store. The first layer that asks the store sets it in the request's
/// extensions; layers inside have the time that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Creates a deadline `time` from now.
    pub fn within(time: Duration) -> Self {
        let now = now();
        Self(now.checked_add(time).unwrap_or(now))
    }

    /// Returns the deadline that a layer outside has set for a handshake, or sets one `time` from now.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::Extensions;
    /// use portcullis_core::shared::Deadline;
    ///
    /// let mut extensions = Extensions::new();
    /// let outer = Deadline::of(&mut extensions, Duration::from_millis(100));
    /// let inner = Deadline::of(&mut extensions, Duration::from_secs(60));
    /// assert_eq!(inner, outer, "a handshake does not wait longer because it passes several layers");
    /// ```
    pub fn of(extensions: &mut Extensions, time: Duration) -> Self {
        *extensions.get_or_insert_with(|| Self::within(time))
    }

    /// Returns the time of the deadline, by [`clock::now`](crate::clock::now).
    pub fn at(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_sets_the_deadline_of_all() {
        let mut extensions = Extensions::new();
        let first = Deadline::of(&mut extensions, Duration::from_secs(1));
        assert_eq!(Deadline::of(&mut extensions, Duration::from_secs(60)), first);
    }
}
