//! Settles a permit of a key of which the oldest makes room.
//!
//! The handshake was accepted, so the connection is there: it is entered into the store even if the key is full, and
//! the connections beyond the limit are told to close. The store decides which these are, by its own times, and moves
//! them to those that must close in the same step. If two newcomers come at once, two others go, and not the same one
//! twice.
//!
//! It is too late to refuse the connection. If the store does not answer, the permit counts on this node and is said
//! after the next beat, when the same decision is made. The application learns that from `settle`, and can do nothing
//! about it.

use std::sync::Arc;

use portcullis_core::{
    clock::now,
    shared::{Deadline, Name, OnGone, PermitRequest},
};

use super::{local_permits::Recorded, report, room};
use crate::{
    lock::lock,
    node::{NoAnswer, Node},
};

/// The permit counts from here on, whether the store can be told of it now or later.
pub(super) async fn settle(
    node: &Arc<Node>,
    permit: u64,
    wanted: &PermitRequest,
    by: Deadline,
    on_gone: OnGone,
) -> Result<(), NoAnswer> {
    {
        // `Perhaps`, before it is told: if the connection ends while the request is on its way, it is released as one
        // that the store may have.
        let mut held = lock(&node.held);
        held.insert(wanted.name, permit, Recorded::Perhaps, now(), on_gone);
        held.evicts(wanted.name, wanted.max);
    }
    let mut untold = Unrecorded { node, name: Some(wanted.name) };
    let session = node.reporting_session().ok_or(NoAnswer)?;
    let call = report::call(node, &session, wanted.name, Some(wanted.max), 0, &[(permit, report::now())]);
    let answer = node.ask(&session, by, call).await?;
    let holders = report::heard(node, &session, wanted.name, &[permit], answer);
    if !holders.is_empty() {
        room::evict(node, &session, wanted.name, wanted.max, &holders, Some(by)).await?;
    }
    // Not before the oldest has made room. If the eviction fails, the key stays beyond its limit, and nothing would
    // notice: said once more after the next beat, it is evicted then.
    untold.name = None;
    Ok(())
}

/// A key of which the store has to be told again, unless everything was answered.
struct Unrecorded<'a> {
    node: &'a Node,
    name: Option<Name>,
}

impl Drop for Unrecorded<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            lock(&self.node.held).untell(name);
        }
    }
}
