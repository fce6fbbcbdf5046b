//! Settles a permit of a key of which the oldest makes room.

use std::sync::Arc;

use portcullis_core::{
    clock::now,
    shared::{Deadline, Name, OnGone, PermitRequest},
};

use super::{local_permits::Told, room, say};
use crate::{
    lock::lock,
    node::{Lost, Node},
};

/// The permit counts from here on, whether the store can be told of it now or later.
pub(super) async fn settle(
    node: &Arc<Node>,
    permit: u64,
    wanted: &PermitRequest,
    by: Deadline,
    on_gone: OnGone,
) -> Result<(), Lost> {
    {
        let mut held = lock(&node.held);
        held.insert(wanted.name, permit, Told::Perhaps, now(), on_gone);
        held.evicts(wanted.name, wanted.max);
    }
    let mut untold = Untold { node, name: Some(wanted.name) };
    let asker = node.teller().ok_or(Lost)?;
    let call = say::call(node, &asker, wanted.name, Some(wanted.max), 0, &[(permit, say::now())]);
    let answer = node.ask(&asker, by, call).await?;
    untold.name = None;
    let holders = say::heard(node, &asker, wanted.name, &[permit], answer);
    if !holders.is_empty() {
        room::evict(node, &asker, wanted.name, wanted.max, &holders, Some(by)).await?;
    }
    Ok(())
}

/// A key of which the store has to be told, unless it has answered.
struct Untold<'a> {
    node: &'a Node,
    name: Option<Name>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name {
            lock(&self.node.held).untell(name);
        }
    }
}
