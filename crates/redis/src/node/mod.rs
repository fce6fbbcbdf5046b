//! This node, among the others: how it is known to be alive, and what becomes of what it holds when it is not.
//!
//! # Leases and incarnations
//!
//! A limit that nodes share has to survive a node that dies, which gives nothing back. A lease for each connection
//! would do that, at the price of renewing each of them for ever. So there is one lease for each node, and what the
//! node holds belongs to that.
//!
//! - When a node joins, the store gives it a number that was never given out before: its *incarnation*. Every permit
//!   and every allotment in the store has the incarnation of its owner in its name.
//! - Each *beat* renews the lease of the incarnation. When a lease runs out, everything that belongs to the incarnation
//!   is void at that moment, with nothing to be done. It is swept later, by the first handshake that needs the place.
//! - A node that missed its lease does not get its incarnation back. Others may have been granted what it held, so it
//!   joins as a new one, to which nothing belongs, and reports what its connections hold: see [`OnFenced`].
//!
//! Whether an incarnation is over can be decided without asking for each: numbers only grow, and a beat's answer lists
//! those that live. One that is not listed and not newer than that list is over
//! ([`View::over`](membership::View::over)).
//!
//! # Data that is lost
//!
//! The store has a nonce, which is drawn when its data is new. A beat whose answer has another nonce than the last one
//! means that everything is gone: the node's lease, and what all nodes hold. Each node joins again and reports, and
//! none takes anything by the new data before
//!
//! - it is [three beats](BEATS) old, in which each node that lives has beaten, and is known,
//! - and all of them have reported everything; [twenty leases](LEASES) are waited at most.
//!
//! # Clocks
//!
//! What two nodes compare is the server's time. What a node decides about itself is by a monotonic clock of its own: a
//! node that stood still knows that its lease is over before it has asked the server. Wall clocks of nodes are not
//! used.
//!
//! # Where it is
//!
//! [`membership`] is what a node knows, as a plain state with all the rules above; [`heartbeat`] renews the lease, and
//! is the first to use a new connection; [`ask`] is how everything else asks; [`inbox`] hears what other nodes tell
//! this one, and [`leave`] ends it in good order.

mod ask;
mod beat;
mod heartbeat;
mod inbox;
mod leave;
mod membership;
#[expect(clippy::module_inception, reason = "the node is what the folder is about")]
mod node;
mod settings;

pub use self::settings::OnFenced;
pub(crate) use self::{
    ask::NoAnswer,
    beat::millis,
    heartbeat::{nonce, run as beat},
    inbox::run as read_inbox,
    leave::{drain, drained, leave},
    membership::{BEATS, LEASES},
    node::{Node, Session},
    settings::Settings,
};
