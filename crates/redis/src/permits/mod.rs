//! Permits that count on all nodes.
//!
//! # What the store has
//!
//! For each key, such as a subject, a set of members `incarnation:permit`, ordered by the server's time at which each
//! came. How many there are is how many connections the key has. A second set has those that must close, until they
//! have.
//!
//! # The life of a permit
//!
//! - It is *taken* in the handshake where a full key refuses ([`take`]). The script adds the member only if there is
//!   room, so two nodes that ask for the last place at the same moment cannot both have it.
//! - Where the oldest makes room, nothing is taken in the handshake, which may still fail for another reason: no
//!   connection should be closed for one that never came to be. It is *settled* when the handshake was accepted
//!   ([`settle`]), and then the connections beyond the limit are told to close ([`room`]).
//! - It *leaves* when its connection ends, and is released in batches ([`release`]). No connection waits for that.
//!
//! # Three places that may disagree
//!
//! What this node holds ([`local_permits`]), what the store has, and what the store is believed to have. They disagree
//! whenever an answer is lost, and it must never stay so: a permit in the store without a connection makes a service
//! full that is empty, and a connection without a permit is one too many.
//!
//! - A take that was given up may be carried out all the same: it is [pending](pending_releases), and taken back after
//!   the next beat, and once more after the one behind it, because the last bytes of a broken connection may be read
//!   after the first of the next.
//! - When the store lost its data, or gave this node another incarnation, all that it holds is *said* again, with the
//!   times that the store once gave it ([`report`]). So the order in which connections came outlives the data.
//! - What is said of a key is everything that the node holds of it. The store removes what it has of this node beyond
//!   that, so that a leak of any other kind ends here, at the latest when everything is said anew.

mod local_permits;
mod message;
mod pending_releases;
mod permit;
mod release;
mod report;
mod room;
mod settle;
mod take;

pub use self::permit::Permit;
pub(crate) use self::{
    local_permits::LocalPermits,
    pending_releases::PendingReleases,
    release::{release_due, run as release},
    report::say_untold,
    room::make_room,
    take::{TakeError, keep, take},
};

/// Keys of the store live so long after they were last used. What is held is said anew three times as often, so the key
/// of a live connection does not expire, and one that is not used is gone without being swept.
pub(crate) const LIFE: std::time::Duration = std::time::Duration::from_secs(60 * 60);
