//! Permits that count on all nodes.
//!
//! - A permit is *taken* in the handshake where a full key refuses. Where the oldest makes room, it is *settled* when
//!   the handshake was accepted.
//! - [`held`] is what this node holds, and what the store was told of it. When the store lost its data, or gave this
//!   node another incarnation, all of it is *said* again, with the times that the store once gave it.
//! - A take that was given up may be carried out all the same: it is [pending](pending_releases), and taken back after
//!   the next beat, and once more after the one behind it, because the last bytes of a broken connection may be read
//!   after the first of the next.

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

/// Keys of the store live so long after they were last used. What is held is said anew three times as often.
pub(crate) const LIFE: std::time::Duration = std::time::Duration::from_secs(60 * 60);
