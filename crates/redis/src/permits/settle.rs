//! Settles a permit of a key of which the oldest makes room.

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
    // Not before the oldest has made room. If the eviction fails, the key stays beyond its limit with nobody to notice:
    // said once more after the next beat, it is evicted then.
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
