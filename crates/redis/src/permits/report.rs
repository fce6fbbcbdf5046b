//! Says what this node holds, after the store has lost it or has not heard of it.
//!
//! Keys are said many at a time, and as many as there is time for before the next beat. The others wait: while they do,
//! no handshake is admitted by new data, because the beat says that this node has more to say.
//!
//! A permit is said with the time that the store once gave it, so that after a loss of data the oldest connection is
//! still the oldest. One that the store never knew is said with its age by this node's clock: of two nodes, one whose
//! clock runs fast is off by what that gains in the meantime, and not by how wrong it is.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use portcullis_core::{
    clock,
    shared::{Gone, Name},
};
use tokio::time::Instant;

use super::{local_permits::Time, room, take::life};
use crate::{
    lock::lock,
    node::{NoAnswer, Node, Session},
    reading::Readable,
    script::{self, Call},
};

/// Keys that are said at once.
const BATCH: usize = 64;

/// Each permit's time, or nothing where it must close; who holds permits, where there are too many; who is to be told
/// to close once more.
pub(super) type Answer = (Vec<String>, Readable<u64>, Vec<Vec<u8>>);

/// Says what the store has to be told, as much of it as there is time for.
pub(crate) async fn say_untold(node: &Arc<Node>, session: &Session, until: Instant) -> Result<(), NoAnswer> {
    loop {
        let batch = lock(&node.held).take_untold(BATCH);
        if batch.is_empty() {
            return Ok(());
        }
        let said = join_all(batch.iter().map(|name| say(node, session, *name))).await;
        for name in batch.iter().zip(&said).filter_map(|(name, said)| said.is_err().then_some(*name)) {
            // Its group is still marked as being said, as it may have arrived.
            lock(&node.held).untell(name);
        }
        if said.contains(&Err(NoAnswer)) {
            return Err(NoAnswer);
        }
        if Instant::now() >= until {
            return Ok(());
        }
    }
}

/// Says one key, and evicts what is beyond its limit. Connections that were kept while the store was away may be too
/// many, and so may those of a node that was fenced.
async fn say(node: &Arc<Node>, session: &Session, name: Name) -> Result<(), NoAnswer> {
    let Some(statement) = lock(&node.held).statement(name, clock::now()) else { return Ok(()) };
    let call = call(node, session, name, statement.evict, statement.horizon, &statement.permits);
    let answer = node.tell(session, async |mut connection| call.run(&mut connection).await).await?;
    lock(&node.held).said(name);
    // Only an answer ends it: without one, the statement may arrive late.
    let permits: Vec<_> = statement.permits.iter().map(|(permit, _)| *permit).collect();
    node.note(|events| events.said += permits.len() as u64);
    let holders = heard(node, session, name, &permits, answer);
    if let (Some(max), false) = (statement.evict, holders.is_empty()) {
        room::evict(node, session, name, max, &holders, None).await?;
    }
    Ok(())
}

/// A statement, or with a horizon of zero one permit that is added to what the store has.
pub(super) fn call(
    node: &Node,
    session: &Session,
    name: Name,
    evict: Option<usize>,
    horizon: u64,
    permits: &[(u64, Time)],
) -> Call {
    let keys = &node.settings.keys;
    let call = Call::new(&script::SAY).key(&keys.permits(name)).key(&keys.closing(name));
    let call = call.arg(session.incarnation).arg(life()).arg(horizon).arg(evict.unwrap_or(0));
    permits.iter().fold(call, |call, (permit, time)| call.arg(*permit).arg(time.to_string()))
}

/// The time of a permit that comes at this moment, which the store is to give.
pub(super) fn now() -> Time {
    Time::Age(Duration::ZERO)
}

/// What the store has answered: each permit has its time, or must close. A node learns of evictions here that its inbox
/// has lost. Returns who holds permits, where there are too many.
pub(super) fn heard(node: &Arc<Node>, session: &Session, name: Name, permits: &[u64], answer: Answer) -> Vec<u64> {
    let (times, Readable(holders), late) = answer;
    for (permit, time) in permits.iter().zip(times) {
        match time.parse() {
            Ok(score) => lock(&node.held).told(name, *permit, score),
            // No time: it is among those that must close, and the message to this node was lost.
            Err(_) => room::close(node, name, *permit, Gone::Replaced),
        }
    }
    // Each request for a key tells again what other nodes failed to tell. No task looks for it.
    if !late.is_empty() {
        room::tell_again(node.clone(), session.clone(), name, late);
    }
    holders
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Score(score) => write!(f, "s{score}"),
            Self::Age(age) => write!(f, "a{}", age.as_millis()),
        }
    }
}
