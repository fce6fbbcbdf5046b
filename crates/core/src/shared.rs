//! Limits that several nodes share: what a layer and the store that counts for all nodes say to each other.
//!
//! A layer decides by what it counts itself, and then asks the store. The store is asked in handshakes only, by a
//! [`Deadline`] that all layers of a handshake have in common. When it cannot be asked in time it is [`Away`], which says
//! what the layer does instead.

use std::{
    fmt,
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use crate::clock::now;

/// What a key is called on every node: a keyed hash, so that no user's name and no address stands in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 16]);

impl Name {
    /// A name by its bytes: a hash with a secret that all nodes have.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// In hexadecimal digits.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

/// The store could not be asked in time, and this is what the user wants then. The limit of each node stands in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Away {
    /// Newcomers are refused.
    Refuse {
        /// What they are told to wait.
        retry_after: Duration,
    },
    /// Each node has its share of the limit.
    Share {
        /// How many nodes lived when the store was last heard of.
        nodes: NonZeroUsize,
    },
    /// Each node has the whole limit.
    Alone,
}

impl Away {
    /// How much of a limit one node may use.
    ///
    /// ```
    /// use std::{num::NonZeroUsize, time::Duration};
    /// use portcullis_core::shared::Away;
    ///
    /// let nodes = NonZeroUsize::new(4).unwrap();
    /// assert_eq!(Away::Share { nodes }.of(10), 3, "a share is rounded up");
    /// assert_eq!(Away::Alone.of(10), 10);
    /// assert_eq!(Away::Refuse { retry_after: Duration::from_secs(1) }.of(10), 0);
    /// ```
    pub fn of(self, limit: usize) -> usize {
        match self {
            Self::Refuse { .. } => 0,
            Self::Share { nodes } => limit.div_ceil(nodes.get()),
            Self::Alone => limit,
        }
    }
}

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

    /// The time, by [`clock::now`](crate::clock::now).
    pub fn at(self) -> Instant {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_at_least_one_place_and_never_more_than_the_limit() {
        for (limit, nodes, share) in [(0, 3, 0), (1, 1, 1), (1, 10, 1), (5, 2, 3), (6, 2, 3), (100, 7, 15)] {
            let away = Away::Share { nodes: NonZeroUsize::new(nodes).unwrap() };
            assert_eq!(away.of(limit), share, "{limit} over {nodes}");
        }
    }

    #[test]
    fn a_name_is_printed_as_hexadecimal_digits() {
        let name = Name::from_bytes(std::array::from_fn(|at| u8::try_from(at * 16).unwrap()));
        assert_eq!(name.to_string(), "00102030405060708090a0b0c0d0e0f0");
    }
}
