//! What all nodes are told: revocations, and commands to live connections.
//!
//! - Everything goes through one stream. A revocation stands in a set, too, written by the same script: who takes the
//!   stream's last id first and then the set, and reads the stream from that id on, misses none.
//! - [`send`] is the one task of a node that writes, so that its order is kept, and that keeps what could not be
//!   written.
//! - [`read`] is the one that reads, on a connection of its own: a read that waits blocks it. [`position`] says whether
//!   the stream still has all that was not read, as a plain state. If it does not, the set is read anew, and what a
//!   copy has and the set has not is put back.
//! - [`message`] is what stands in the stream. Who can write to it may write anything: what cannot be read is counted
//!   and skipped.

mod followers;
mod look;
mod message;
mod outbox;
mod position;
mod read;
mod restoring;
mod send;
mod snapshot;

pub(crate) use self::{look::begin, message::Message, outbox::Outbox, read::run as read, send::run as send};
