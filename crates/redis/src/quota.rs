//! Cells of quotas, bought and given back by a task: where a message is judged, the store is not waited for.
//!
//! # Blocks
//!
//! A message is judged while a frame is read, where nothing may wait. So a node buys messages ahead: a block of them at
//! a time, from one quota that all nodes share, and spends them by itself. `portcullis_quota` has the arithmetic of
//! blocks, and the layer decides when to buy; here is how the store is asked.
//!
//! - The quota in the store is GCRA: one number, the time at which everything would be there again. A script sells what
//!   is there, up to what is wanted. If there is less than the least that is of use, it sells nothing: a key that is
//!   exhausted would otherwise be bought one message at a time, with a request for each.
//! - What is bought and not spent is given back when the last connection of the key ends. If that is lost, it is void:
//!   the quota fills with time.
//! - An answer that comes late is used all the same, because what it sells is charged already.
//!
//! The queue of purchases is bounded: when it is full, a purchase is answered as if the store were away. Purchases are
//! sent together over one connection.
//!
//! **What this does not do**: count each message exactly. In any time, the nodes on which a key has connections may
//! pass two blocks each more than the quota.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use portcullis_core::shared::{Away, Buyer, Grant, Name, Purchase, Rate};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use crate::{
    away::WhenAway,
    lock::lock,
    node::{NoAnswer, Node},
    observe::{self, Outcome},
    script::{self, Call},
};

/// How many requests may wait. More are refused.
const WAITING: usize = 4096;

/// How many requests are under way at once. They share a connection, and are sent together.
const AT_ONCE: usize = 256;

/// What the task is to ask the store.
enum Request {
    /// The buyer waits for an answer, and has a rule of its own for when there is none.
    Buy { purchase: Purchase, buyer: Arc<dyn Buyer>, when_away: WhenAway },
    /// No caller waits for it.
    GiveBack { name: Name, rate: Rate, cells: u64 },
}

/// The requests of a node, which one task sends.
pub(crate) struct RequestQueue {
    sender: mpsc::Sender<Request>,
    /// Until the task takes it.
    receiver: Mutex<Option<mpsc::Receiver<Request>>>,
    /// How many are not answered yet.
    open: watch::Sender<usize>,
}

impl Default for RequestQueue {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver: Mutex::new(Some(receiver)), open: watch::Sender::new(0) }
    }
}

impl RequestQueue {
    /// Waits until all are done, but not longer than this.
    pub(crate) async fn done(&self, patience: Duration) {
        let mut open = self.open.subscribe();
        // What is not done by then is void.
        let _ = timeout(patience, open.wait_for(|open| *open == 0)).await;
    }

    /// Whether there was room for it.
    fn send(&self, request: Request) -> bool {
        // Counted before it can be answered, or the count would drop below zero.
        let Ok(place) = self.sender.try_reserve() else { return false };
        self.open.send_modify(|open| *open += 1);
        place.send(request);
        true
    }
}

/// Begins a purchase, unless it would have no answer.
pub(crate) fn buy(node: &Node, purchase: Purchase, buyer: Arc<dyn Buyer>, when_away: WhenAway) -> Result<(), Away> {
    // Also while the node drains: its connections live on for as long as they are given to end.
    let outcome = match node.reporting_session().is_some() {
        false => Outcome::Away,
        true if node.requests.send(Request::Buy { purchase, buyer, when_away }) => return Ok(()),
        true => Outcome::Crowded,
    };
    observe::purchased(outcome);
    Err(away(node, when_away))
}

/// Gives cells back, if there is room for the request. Else they are void.
pub(crate) fn give_back(node: &Node, name: Name, rate: Rate, cells: u64) {
    if node.reporting_session().is_some() {
        node.requests.send(Request::GiveBack { name, rate, cells });
    }
}

/// What a layer does while the store is away. Shares are of the nodes that were last alive.
pub(crate) fn away(node: &Node, when_away: WhenAway) -> Away {
    when_away.away(node.health().nodes, node.retry_after())
}

/// How many nodes there are.
pub(crate) fn nodes(node: &Node) -> usize {
    node.health().nodes.map_or(1, NonZeroUsize::get)
}

/// Runs requests for as long as the node lives.
pub(crate) async fn run(node: Arc<Node>) {
    let Some(mut requests) = lock(&node.requests.receiver).take() else { return };
    let stream = stream::poll_fn(|cx| requests.poll_recv(cx));
    let run = async |request| {
        match request {
            Request::Buy { purchase, buyer, when_away } => {
                let grant = ask(&node, purchase).await;
                observe::purchased(match grant {
                    Ok(Grant { cells: 0, .. }) => Outcome::Refused,
                    Ok(_) => Outcome::Sold,
                    Err(NoAnswer) => Outcome::Away,
                });
                buyer.answered(grant.map_err(|NoAnswer| away(&node, when_away)));
            }
            Request::GiveBack { name, rate, cells } => {
                let call = Call::new(&script::SELL).key(&node.settings.keys.quota(name));
                let call = call.arg(micros(rate.interval)).arg(cells);
                // What cannot be given back is void.
                let _: Result<i64, NoAnswer> = tell(&node, call).await;
            }
        }
        node.requests.open.send_modify(|open| *open -= 1);
    };
    stream.for_each_concurrent(AT_ONCE, run).await;
}

/// Asks for a block. There is no deadline of its own: the buyer goes on without an answer, on credit and then by its
/// rule for when the store is away. An answer that is late is used all the same: what it sells is charged.
async fn ask(node: &Node, Purchase { name, rate, want, least }: Purchase) -> Result<Grant, NoAnswer> {
    let call = Call::new(&script::BUY).key(&node.settings.keys.quota(name));
    let call = call.arg(micros(rate.interval)).arg(rate.burst).arg(want).arg(least);
    let (cells, retry_after, full_in) = tell(node, call).await?;
    let [retry_after, full_in] = [retry_after, full_in].map(Duration::from_micros);
    Ok(Grant { cells, retry_after, full_in })
}

async fn tell<T: redis::FromRedisValue>(node: &Node, call: Call) -> Result<T, NoAnswer> {
    let session = node.reporting_session().ok_or(NoAnswer)?;
    node.tell(&session, async |mut connection| call.run(&mut connection).await).await
}

/// Microseconds with three digits behind the point: an interval may be a part of one.
fn micros(interval: Duration) -> String {
    let nanos = interval.as_nanos().max(1);
    format!("{}.{:03}", nanos / 1000, nanos % 1000)
}

impl fmt::Debug for RequestQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestQueue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_written_in_microseconds() {
        for (nanos, text) in [(1, "0.001"), (999, "0.999"), (3333, "3.333"), (50_000_000, "50000.000")] {
            assert_eq!(micros(Duration::from_nanos(nanos)), text);
        }
    }
}
