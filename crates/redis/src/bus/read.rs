//! Reads what all nodes are told, on a connection of its own: a read that waits blocks it.
//!
//! A reader that has fallen behind, or has found a gap, reads all revocations anew before its copy counts as complete.
//! Commands in a gap are lost, and counted.
//!
//! # One turn
//!
//! A turn takes a beat. It begins with a look at what the stream has, and at which data it belongs to. Then entries are
//! read as they come, each read waiting for the rest of the turn at most.
//!
//! The look cannot be left out, because a read that returns nothing has two meanings. A reader whose cursor is ahead of
//! the stream hears nothing until the stream has caught up: that is what a reader meets after the store has lost its
//! data, and it would wait in good faith while tokens are revoked.
//!
//! # What makes the copy complete
//!
//! An answer with fewer entries than were asked for: everything that was there when the question was sent has been
//! read. It counts only if the set was read since anything may have been missed, and if the data is
//! [settled](super::restoring).

use std::{sync::Arc, time::Duration};

use portcullis_core::{clock::now, shared::Revocation};
use tokio::time::sleep;

use super::{
    followers,
    look::{self, Look},
    message::Message,
    outbox::lag,
    position::{Clock, Continuity, Id, Position},
    restoring::Restoring,
    snapshot,
};
use crate::{
    link::Link,
    lock::lock,
    node::{NoAnswer, Node, millis},
    reading::Entries,
};

/// Entries that are read at once. Far fewer than the stream has, so that a reader that keeps up is never cut off
/// between two looks.
const BATCH: usize = 512;

/// After an attempt that failed; twice as long after the next, up to a beat.
const PAUSE: Duration = Duration::from_millis(50);

/// Reads as soon as there is a local receiver, for as long as the node lives.
pub(crate) async fn run(node: Arc<Node>) {
    node.outbox.followed.notified().await;
    let (mut reader, mut pause) = (Reader::default(), PAUSE);
    loop {
        if let Ok(mut connection) = node.dial().await {
            reader.connected(&node);
            let Err(NoAnswer) = reader.read(&node, &mut connection, &mut pause).await;
        }
        sleep(pause.min(node.settings.beat)).await;
        pause = (pause * 2).min(node.settings.beat);
    }
}

#[derive(Default)]
struct Reader {
    position: Position,
    restoring: Restoring,
    /// The data had all that was ever revoked when it was last looked at.
    is_settled: bool,
    /// Which copies are whole, but for what is in the stream behind the cursor.
    whole: Option<u64>,
    was_connected: bool,
}

impl Reader {
    /// A server that took another's place may not have heard what this node said last.
    fn connected(&mut self, node: &Node) {
        node.note(|events| events.readers += 1);
        if self.position.cursor() == Id::ZERO {
            // A stream that has come and gone meanwhile looks as if there had been none, and was read to its end.
            self.whole = None;
        }
        if std::mem::replace(&mut self.was_connected, true) {
            let since = now().checked_sub(lag(node.settings.lease));
            let recent = lock(&node.outbox.unsent).told_since(since);
            node.outbox.keep(recent);
        }
    }

    /// Reads until the connection breaks, or an answer is late or wrong. All of that ends in a new connection: a read
    /// that waits has no other way to find out that its server is gone. The position outlives it, so nothing is read
    /// twice.
    async fn read(
        &mut self,
        node: &Node,
        connection: &mut Link,
        pause: &mut Duration,
    ) -> Result<std::convert::Infallible, NoAnswer> {
        loop {
            let looked = now();
            let Look { clock, data, .. } = self.look(node, connection).await?;
            *pause = PAUSE;
            // As soon as new data may be settled, and not up to a beat later: until then handshakes are refused.
            let settles_in = Some(data.settles_in(node.settings.beat)).filter(|time| !time.is_zero());
            let until = looked + settles_in.unwrap_or(node.settings.beat).min(node.settings.beat);
            loop {
                let sent = now();
                if sent >= until {
                    break;
                }
                let reply = next(node, connection, self.position.cursor(), until - sent).await?;
                let count = self.hear(node, reply, clock);
                if count >= BATCH {
                    // Behind: whether the stream has all that is ahead has to be known.
                    break;
                }
                self.is_whole(node, sent);
            }
        }
    }

    /// Looks whether the stream has all that was not read. If not, or if there are copies that were never whole, all
    /// revocations are read.
    async fn look(&mut self, node: &Node, connection: &mut Link) -> Result<Look, NoAnswer> {
        let sent = now();
        if self.whole.is_some() && lock(&node.outbox.unsent).is_told() {
            // The set was compared with the copies, and what it lacked is accepted.
            self.restoring.restored();
        }
        let look = look::look(node, connection, &self.restoring).await?;
        let is_lost = self.restoring.look(&look.data);
        let found = self.position.look(look.extent, is_lost);
        self.is_settled = look.data.is_settled(node.settings.beat, node.settings.lease);
        match found {
            Continuity::New | Continuity::Whole => {}
            Continuity::Gap => node.note(|events| events.gaps += 1),
            Continuity::Lost => node.note(|events| events.streams_lost += 1),
        }
        if found != Continuity::Whole {
            self.whole = None;
        }
        let (copies, generation) = lock(&node.outbox.followers).copies();
        // After the position: what is revoked while the set is read is behind the cursor, and read from the stream.
        if self.whole != Some(generation) {
            if !copies.is_empty() {
                snapshot::take(node, connection, &copies).await?;
                self.confirm(node, connection).await?;
            }
            self.whole = Some(generation);
            // Nothing is behind the cursor. Otherwise the next read says when the end is reached.
            if self.position.cursor() >= look.extent.last {
                self.is_whole(node, sent);
            }
            node.note(|events| events.snapshots += 1);
        }
        Ok(look)
    }

    /// Whether the data is still the one that was looked at before the set was read. If it was lost meanwhile, the rest
    /// of the set looked empty, and only the nonce shows that.
    async fn confirm(&self, node: &Node, connection: &mut Link) -> Result<(), NoAnswer> {
        let look = look::look(node, connection, &self.restoring).await?;
        if look.data.nonce == self.restoring.data() { Ok(()) } else { Err(NoAnswer) }
    }

    /// All that was said until a time was heard. That is all that was revoked, unless others still put something back.
    fn is_whole(&self, node: &Node, at: std::time::Instant) {
        let Some(generation) = self.whole.filter(|_| self.is_settled) else { return };
        let is_first = lock(&node.outbox.followers).whole(generation, at);
        if is_first {
            node.note(|_| {});
        }
    }

    /// Returns how many entries there were.
    fn hear(&mut self, node: &Node, reply: Entries, clock: Clock) -> usize {
        let (mut count, mut unreadable) = (0, 0);
        for entry in reply.0 {
            // All count, whether they can be read or not: a batch that is full means that there may be more.
            count += 1;
            let Some(id) = Id::parse(&entry.id) else { continue };
            // Before it is carried out. If that panicked, the same entry would be read, and panic, for ever.
            self.position.read(id);
            let message = entry.message.and_then(|line| Message::parse(&line));
            match message {
                Some(message) => tell(node, message, clock, id),
                None => unreadable += 1,
            }
        }
        if count > 0 {
            node.note(|events| {
                events.heard += count as u64 - unreadable;
                events.unreadable += unreadable;
            });
        }
        count
    }
}

/// Tells followers. Nothing is locked: what they close may call anything, a handler that revokes or sends a command
/// among it.
fn tell(node: &Node, message: Message, clock: Clock, id: Id) {
    // By the server's clock and this node's own, so that it does not matter how late the entry is read. A command to
    // all connections of a user must not close the one with which the user has come back since.
    let latest = clock.latest(id);
    match message {
        Message::Revocation(revocation) => {
            // What was waited for in the stream is not remembered for longer than what was heard at once.
            let age = latest.map_or(Duration::ZERO, |latest| now().saturating_duration_since(latest));
            let left = Revocation::new(revocation.name, revocation.issued, revocation.life.saturating_sub(age));
            let left = if revocation.all_live { left.all_live() } else { left };
            let (copies, _) = lock(&node.outbox.followers).copies();
            for copy in copies {
                copy.apply(left, latest);
            }
        }
        Message::Command { scope, command } => {
            // From before this machine was started: no connection is as old.
            let Some(latest) = latest else { return };
            let registries = lock(&node.outbox.followers).registries(scope);
            followers::command(&registries, &command, latest);
        }
    }
}

async fn next(node: &Node, connection: &mut Link, cursor: Id, wait: Duration) -> Result<Entries, NoAnswer> {
    let mut read = redis::cmd("XREAD");
    // At least a millisecond: none means for ever, on a connection whose other end may be gone.
    read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(millis(wait).max(1));
    read.arg("STREAMS").arg(node.settings.keys.commands()).arg(cursor.to_string());
    node.wait_for(wait + node.settings.patience(), read.query_async(connection)).await
}
