//! Writes what all nodes are told, in the order in which it was said.
//!
//! One task writes for the whole node. Two would need an order between them, and a user that is banned and admitted
//! again may be banned on half of the nodes.
//!
//! A batch is what has come while the last one was under way, and, in what room is left, revocations that are owed. One
//! script writes all of it: an entry in the stream for each, and each revocation into the set. If there is no answer,
//!
//! - the caller learns that the message may not have arrived;
//! - commands are not tried again. They may have been carried out, or may be by a server that wakes up: a command says
//!   by itself that it is for connections of before;
//! - revocations are kept, and told again after the next beat, marked as told before. The store writes such a one only
//!   if it has none that revokes as much, so that a long outage does not fill the stream with what all nodes know.

use std::sync::Arc;

use portcullis_core::{
    clock::now,
    shared::{Issued, Revocation},
};

use super::{
    message::{Message, millis},
    outbox::Outgoing,
    position::MAX_ENTRIES,
};
use crate::{
    lock::lock,
    node::Node,
    script::{self, Call},
};

/// Messages that are told at once.
const BATCH: usize = 256;

/// Tells what is to be told, for as long as the node lives. A revocation that cannot be told now is told after a beat.
pub(crate) async fn run(node: Arc<Node>) {
    let Some(mut outgoing) = node.outbox.outgoing() else { return };
    let (mut beats, mut batch) = (node.watch(), Vec::new());
    loop {
        let has_unsent = !lock(&node.outbox.unsent).is_empty();
        // The beats are waited for only if something is owed, or each beat would wake this for nothing.
        tokio::select! {
            count = outgoing.recv_many(&mut batch, BATCH) => if count == 0 { return },
            () = node.outbox.unsent_added.notified() => {}
            beat = beats.changed(), if has_unsent => if beat.is_err() { return },
        }
        send(&node, &mut batch).await;
    }
}

async fn send(node: &Node, batch: &mut Vec<Outgoing>) {
    // New ones first: callers wait for them, and their order counts.
    let unsent = lock(&node.outbox.unsent).take(BATCH - batch.len());
    if batch.is_empty() && unsent.is_empty() {
        return;
    }
    // Also while the node recovers or drains: a revocation must not wait until limits are shared.
    let told = match node.own_session() {
        Some(session) => {
            let call = call(node, batch, &unsent);
            let told: Result<u64, _> =
                node.tell(&session, async |mut connection| call.run(&mut connection).await).await;
            told.ok()
        }
        None => None,
    };
    let revocations = batch.iter().filter_map(|outgoing| match outgoing.message {
        Message::Revocation(revocation) => Some(revocation),
        Message::Command { .. } => None,
    });
    if let Some(put_back) = told {
        let now = now();
        let more = {
            let mut all = lock(&node.outbox.unsent);
            all.answered();
            revocations.for_each(|revocation| all.told(revocation, now));
            !all.is_empty()
        };
        node.note(|events| {
            events.sent += batch.len() as u64;
            events.put_back += put_back;
        });
        // At once, as long as the store accepts them. New data admits no handshake before that is done.
        if more {
            node.outbox.unsent_added.notify_one();
        }
    } else {
        // To be told after the next beat: not at once, or this would turn in circles.
        let mut all = lock(&node.outbox.unsent);
        all.extend(unsent.into_iter().chain(revocations));
        all.answered();
    }
    for outgoing in batch.drain(..) {
        // Who does not wait for it has dropped it.
        let _ = outgoing.answer.send(told.is_some());
    }
}

/// One call for all of it. `+` is said for the first time, and `=` again.
fn call(node: &Node, batch: &[Outgoing], unsent: &[Revocation]) -> Call {
    let keys = &node.settings.keys;
    let call = Call::new(&script::PUBLISH).key(&keys.commands()).key(&keys.revoked()).key(&keys.issued());
    let call = call.arg(MAX_ENTRIES);
    let call = batch.iter().fold(call, |call, outgoing| match &outgoing.message {
        Message::Revocation(revocation) => revoke(call, revocation, "+"),
        command @ Message::Command { .. } => call.arg(command.write()).arg("").arg("").arg(0).arg("+"),
    });
    unsent.iter().fold(call, |call, revocation| revoke(call, revocation, "="))
}

fn revoke(call: Call, revocation: &Revocation, mode: &str) -> Call {
    let issued = revocation.issued;
    let text = if issued == Issued::ALL { String::new() } else { issued.as_u64().to_string() };
    let call = call.arg(Message::Revocation(*revocation).write()).arg(revocation.name.to_string());
    call.arg(text).arg(millis(revocation.life)).arg(mode)
}
