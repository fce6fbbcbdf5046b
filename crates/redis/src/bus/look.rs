//! Asks what the stream has, and which data it belongs to.
//!
//! A reader looks once in a beat. All that it has to know is in one answer, of one moment: whether the stream still has
//! what was not read, whether the data is the one that it knows, whether others still put something back, and what the
//! server's clock says.

use std::time::Duration;

use portcullis_core::clock::now;
use redis::RedisResult;

use super::{
    position::{Clock, Extent, Id},
    restoring::{Data, Restoring},
};
use crate::{
    link::Link,
    node::{NoAnswer, Node, Settings, millis, nonce},
    script::{self, Call},
};

/// What a look has shown.
pub(super) struct Look {
    pub(super) extent: Extent,
    pub(super) data: Data,
    pub(super) clock: Clock,
}

/// Looks for a reader. Others wait for this node if the data is not the one that it knows.
pub(super) async fn look(node: &Node, connection: &mut Link, restoring: &Restoring) -> Result<Look, NoAnswer> {
    let call = call(&node.settings, &node.outbox.node.to_string(), restoring.data(), restoring.owes());
    let answer: Answer = node.wait_for(node.settings.patience(), call.run(connection)).await?;
    let (first, last, entries, there, nonce, age, others) = answer;
    let clock = Clock { here: now(), there };
    let last = Id::parse(&last).ok_or(NoAnswer)?;
    let extent = Extent { first: Id::parse(&first), last, entries };
    Ok(Look { extent, data: Data { nonce, age: Duration::from_millis(age), others }, clock })
}

/// The data is looked at for the first time, if it is new: its age counts from here.
///
/// A node does this when it joins, whether or not it has anything that reads. Otherwise the data would be as young as
/// the first `Revocations` of all nodes, which may be shared long after the nodes have joined.
pub(crate) async fn begin(settings: &Settings, connection: &mut Link) -> RedisResult<()> {
    let _: Answer = call(settings, "", "", false).run(connection).await?;
    Ok(())
}

/// As the script returns it.
type Answer = (String, String, u64, u64, String, u64, u64);

fn call(settings: &Settings, node: &str, known: &str, owes: bool) -> Call {
    let keys = &settings.keys;
    let call = Call::new(&script::EXTENT).key(&keys.commands()).key(&keys.stream_facts()).key(&keys.restoring());
    call.arg(node).arg(known).arg(nonce()).arg(u8::from(owes)).arg(millis(settings.lease))
}
