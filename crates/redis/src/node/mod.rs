//! This node, among the others.
//!
//! A node holds a lease; permits and allotments belong to an *incarnation* of it. When the lease runs out, all that the
//! incarnation has is void at once, and is swept when its place is needed. [`membership`] is what a node knows, as
//! a plain state; [`heartbeat`] renews the lease, and is the first to use a new connection; [`inbox`] hears what others
//! tell.
//!
//! Time is the server's for what two nodes compare, and a monotonic clock for what a node decides about itself.

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
    beat::millis,
    heartbeat::{nonce, run as beat},
    inbox::run as read_inbox,
    leave::{drain, drained, leave},
    membership::{BEATS, LEASES},
    node::{NoAnswer, Node, Session},
    settings::Settings,
};
