//! What all nodes are told: revocations, and commands to live connections.
//!
//! # One stream, and a set
//!
//! Everything goes through one stream, whose entries each node reads in the same order. A stream and not a
//! subscription: what is published while a subscriber connects anew is lost to it, and it does not even learn that
//! there was something. A stream has a cursor, and a reader that was away goes on where it was.
//!
//! A stream is cut at its old end, and a revocation must be known for as long as tokens live. So revocations stand in a
//! set, too, written by the same script. A reader that takes the stream's last id first and then the set, and reads the
//! stream from that id on, misses none: what is revoked in between is in both.
//!
//! | | Revocations | Commands |
//! | --- | --- | --- |
//! | mean | tokens, of today and tomorrow | connections that are open at this moment |
//! | are kept by the store | in the set, until they expire | in the stream, until it is cut |
//! | are repeated after a failure | by the node that has them, until the store has them | not at all: the caller learns that it failed |
//! | are decided by | a copy that each node has | the node that has the connection |
//!
//! # When a node may rely on its copy
//!
//! Silence is what a reader hears when nothing was revoked, and when it has lost its connection, when the stream was
//! cut behind it, and when the store has lost its data. Each of these has to be told from the first:
//!
//! - the copy has a time, until when it is known to be complete, and is stale when that is too long ago
//!   ([`followers`]);
//! - each look at the stream says whether it still has all that was not read ([`position`]); if not, the set is read
//!   anew ([`snapshot`]), and what a copy has and the set has not is put back;
//! - data that is new is not believed before every node has put back what it knows ([`restoring`]).
//!
//! # Who works
//!
//! - [`send`] is the one task of a node that writes, so that its order is kept, and that keeps what could not be
//!   written ([`outbox`]).
//! - [`read`] is the one that reads, on a connection of its own: a read that waits blocks it.
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
