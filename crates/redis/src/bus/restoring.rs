//! Whether the data of the store has everything that was revoked, as a plain state.
//!
//! A store that has lost its data is empty, and so is one that is new. To a node that has just started, both look as if
//! nothing had been revoked. If it called its empty copy complete, every token that was revoked before the loss would
//! be accepted until another node has put the revocation back.
//!
//! So an empty store is not believed. Each data has a nonce, which the first node to look at it has drawn, and the time
//! of the server at which that was. A node that was there before sees another nonce than the one it knows. From that
//! moment on, and in the same step, the store lists it as one that still puts something back, until the store has
//! accepted everything that the node's copies have and the set has not. Data is *settled*, and a copy of it can be
//! complete, when
//!
//! - it is [three beats](BEATS) old: by then each node that can reach the store has looked at it, and is listed if it
//!   has something to put back;
//! - and no other node is listed. After [twenty leases](LEASES), a node that is still listed is not waited for any
//!   longer: it cannot read the stream, or the store refuses what it puts back.
//!
//! The same figures hold for permits, where a node reports what its connections hold (`node/membership.rs`). They are
//! not the same marks: in a Redis Cluster, the server with the revocations may lose its data while the one with the
//! leases keeps its own.
//!
//! **What this does not do**: wait for a node that could not reach the store within three beats of its return, and
//! cannot be known to exist. What that node alone had heard of is missing until it is back; then its revocations close
//! what was let in.

use std::time::Duration;

use crate::node::{BEATS, LEASES};

/// Which data this node has seen, and whether it has put back what that lacks.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// The nonce of the data. Empty before the first look.
    data: String,
    /// There may be something that this node has and the data has not.
    owes: bool,
}

/// What the store says of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) nonce: String,
    pub(super) age: Duration,
    /// How many other nodes still put something back.
    pub(super) others: u64,
}

impl Restoring {
    /// The nonce of the data that was seen last. Empty before the first look.
    pub(super) fn data(&self) -> &str {
        &self.data
    }

    /// Whether others have to wait for what this node puts back.
    pub(super) fn owes(&self) -> bool {
        self.owes
    }

    /// Looks at the data. Returns true if it has taken the place of other data, which is lost.
    pub(super) fn look(&mut self, data: &Data) -> bool {
        if self.data == data.nonce {
            return false;
        }
        // A node that sees its first data has heard of nothing that could be lost.
        let is_lost = !self.data.is_empty();
        self.owes |= is_lost;
        self.data.clone_from(&data.nonce);
        is_lost
    }

    /// The store has everything that this node has.
    pub(super) fn restored(&mut self) {
        self.owes = false;
    }
}

impl Data {
    /// Whether a copy of it can be complete.
    pub(super) fn is_settled(&self, beat: Duration, lease: Duration) -> bool {
        self.age >= beat * BEATS && (self.others == 0 || self.age >= lease * LEASES)
    }

    /// How long until it can be settled at the earliest: zero if only other nodes are waited for.
    pub(super) fn settles_in(&self, beat: Duration) -> Duration {
        (beat * BEATS).saturating_sub(self.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Duration = Duration::from_secs(1);
    const LEASE: Duration = Duration::from_secs(10);

    fn data(nonce: &str, age: u64, others: u64) -> Data {
        Data { nonce: nonce.to_owned(), age: Duration::from_secs(age), others }
    }

    #[test]
    fn data_is_settled_when_it_is_old_and_all_have_put_back_what_they_have() {
        for (age, others, is_settled) in
            [(0, 0, false), (2, 0, false), (3, 0, true), (3, 1, false), (199, 1, false), (200, 1, true), (200, 0, true)]
        {
            let data = data("a", age, others);
            assert_eq!(data.is_settled(BEAT, LEASE), is_settled, "{data:?}");
        }
        assert_eq!(data("a", 1, 0).settles_in(BEAT), BEAT * 2);
        assert_eq!(data("a", 4, 1).settles_in(BEAT), Duration::ZERO);
    }

    #[test]
    fn a_node_owes_from_when_it_sees_other_data_until_that_has_everything() {
        let mut restoring = Restoring::default();
        assert!(!restoring.look(&data("a", 0, 0)), "the first that it sees");
        assert!(!restoring.owes());
        assert!(restoring.look(&data("b", 0, 0)));
        assert!(restoring.owes());
        assert!(!restoring.look(&data("b", 1, 0)));
        assert!(restoring.owes(), "it has put nothing back yet");
        restoring.restored();
        assert!(!restoring.owes());
        assert_eq!(restoring.data(), "b");
    }
}
