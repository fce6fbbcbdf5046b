//! The oldest make room, on whichever node they are, and are told until they are gone.
//!
//! An eviction has two steps, and the node that takes them may die between them. The store moves the oldest from the
//! permits of the key to those that must close: from then on they do not count. Then their node is told, through its
//! inbox. If that message is lost, a connection would live on that counts nowhere. So those that must close have a time
//! at which they are told again, and the next newcomer to the key does it, whichever node it is on.
//!
//! A connection of a node that has died cannot be told, and need not be: it is removed from the list.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use portcullis_core::shared::{Deadline, Gone, Name};

use super::{
    message::{message, parse_member, parse_message},
    take::life,
};
use crate::{
    lock::lock,
    node::{NoAnswer, Node, Session},
    reading::{Readable, text},
    script::{self, Call},
};

/// A connection that was told to close is told again after this time, by the next request for its key.
const AGAIN: Duration = Duration::from_secs(5);

/// Evicts what is beyond the limit of a key. The holders that are over are swept first.
pub(super) async fn evict(
    node: &Arc<Node>,
    session: &Session,
    name: Name,
    max: usize,
    holders: &[u64],
    by: Option<Deadline>,
) -> Result<(), NoAnswer> {
    let keys = &node.settings.keys;
    let call = Call::new(&script::EVICT).key(&keys.permits(name)).key(&keys.closing(name));
    let call = call.arg(max).arg(life()).arg(again()).args(session.view.over(holders.iter().copied()));
    let Readable(evicted): Readable<String> = match by {
        Some(by) => node.ask(session, by, call).await?,
        None => node.tell(session, async |mut connection| call.run(&mut connection).await).await?,
    };
    let evicted: Vec<_> = evicted.iter().filter_map(|member| parse_member(member)).collect();
    if !evicted.is_empty() {
        // Not by the handshake that caused it: its client may leave before the others are told.
        tokio::spawn(tell(node.clone(), session.clone(), name, evicted));
    }
    Ok(())
}

/// What was told once and is still there is told again, unless its node is over, or it is none of ours.
pub(super) fn tell_again(node: Arc<Node>, session: Session, name: Name, members: Vec<Vec<u8>>) {
    let is_live = |(incarnation, _): &(u64, u64)| session.view.over([*incarnation]).is_empty();
    let (mut over, mut postponed, mut late) = (Vec::new(), Vec::new(), Vec::new());
    for bytes in members {
        match text(&bytes).and_then(parse_member).filter(is_live) {
            Some(member) => {
                late.push(member);
                postponed.push(bytes);
            }
            None => over.push(bytes),
        }
    }
    tokio::spawn(async move {
        let closing = node.settings.keys.closing(name);
        if !over.is_empty() {
            // A node that has died removes nothing. Each connection of a busy key keeps the set alive, so its dead
            // would be told for ever, into inboxes that are never read.
            let mut remove = redis::cmd("ZREM");
            remove.arg(&closing).arg(over);
            // If this fails, they are found again after a while.
            let _ = node.tell(&session, async |mut link| remove.query_async::<u64>(&mut link).await).await;
        }
        if late.is_empty() {
            return;
        }
        let call = Call::new(&script::AGAIN).key(&closing).arg(again()).args(postponed);
        // First the time, then the message: of many newcomers at once, one tells, and the others find nothing that is
        // late.
        let is_postponed: Result<u64, _> =
            node.tell(&session, async |mut connection| call.run(&mut connection).await).await;
        if is_postponed.is_ok() {
            tell(node, session, name, late).await;
        }
    });
}

/// Tells each node which of its connections make room.
async fn tell(node: Arc<Node>, session: Session, name: Name, evicted: Vec<(u64, u64)>) {
    // One message for each node, however many connections it loses. Those of this node need none.
    let mut others: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (incarnation, permit) in evicted {
        if incarnation == session.incarnation {
            close(&node, name, permit, Gone::Replaced);
        } else {
            others.entry(incarnation).or_default().push(message(name, permit));
        }
    }
    for (incarnation, messages) in others {
        let inbox = node.settings.keys.inbox(incarnation);
        let count = messages.len() as u64;
        let call = Call::new(&script::TELL).key(&inbox).arg(life()).args(messages);
        let told: Result<u64, _> = node.tell(&session, async |mut connection| call.run(&mut connection).await).await;
        if told.is_ok() {
            node.note(|events| events.told += count);
        }
    }
}

/// Another node says that a connection of this one makes room.
pub(crate) fn make_room(node: &Node, message: &str) {
    if let Some((name, permit)) = parse_message(message) {
        // One that has left meanwhile is not held, and nothing happens.
        close(node, name, permit, Gone::Replaced);
    }
}

/// Closes the connection of a permit, which no longer counts.
pub(super) fn close(node: &Node, name: Name, permit: u64, why: Gone) {
    // Not under the lock: what it closes may drop the permit, which takes it again.
    let on_gone = lock(&node.held).gone(name, permit);
    if let Some(on_gone) = on_gone {
        node.note(|events| events.evicted += 1);
        on_gone(why);
    }
}

fn again() -> u64 {
    u64::try_from(AGAIN.as_millis()).unwrap_or(u64::MAX)
}
