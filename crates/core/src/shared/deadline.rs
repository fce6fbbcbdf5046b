//! When a handshake stops waiting.

use std::time::{Duration, Instant};

use http::Extensions;

use crate::clock::now;

/// When a handshake stops waiting for the store. The first layer that asks sets it, in the request's extensions, and
/// those inside of it have what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A time from now.
    pub fn within(time: Duration) -> Self {
        let now = now();
        Self(now.checked_add(time).unwrap_or(now))
    }

    /// The deadline of a handshake: the one that a layer outside has set, or else a time from now.
    pub fn of(extensions: &mut Extensions, time: Duration) -> Self {
        *extensions.get_or_insert_with(|| Self::within(time))
    }

    /// The time, by [`clock::now`](crate::clock::now).
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
