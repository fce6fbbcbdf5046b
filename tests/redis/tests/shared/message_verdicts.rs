//! One table of messages, and what becomes of each: the same on one node that counts for itself and on two that share,
//! over each kind of store.
//!
//! Blocks are of one message, so a node that shares may owe one: of a quota that is used up, one more for each node
//! passes before the store has refused it, and then no more. On which node they pass is a matter of time: what one
//! owes, because its purchase is still under way, the other can buy.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use http::{Request, request::Parts};
use portcullis_core::{
    CloseCode, CloseFrame,
    identity::{ClientIp, Subject},
    policy::{Policy, Verdict},
};
use portcullis_quota::Quota;
use portcullis_rate_limit::{Excess, MessageRateLayer};
use redis_tests::Connection;

use crate::{contract::eventually, quotas::send, verdicts::Pair};

struct Row {
    name: &'static str,
    layer: fn() -> MessageRateLayer,
    /// Time brings a message as often as this.
    every: Duration,
    steps: &'static [Step],
}

/// What a user sends from an address, and to which of two nodes. Of one that counts for itself there is only one.
enum Step {
    /// So many messages pass.
    Passes(usize, &'static str, u8, usize),
    /// No message passes, but for what the node owes and time brings, and the connection is closed.
    Closes(usize, &'static str, u8),
    /// No message passes, but for what the node owes and time brings, and the connection lives on.
    Drops(usize, &'static str, u8),
    /// A message passes as soon as time has brought one.
    Soon(usize, &'static str, u8),
    /// The connection ends.
    Leave(usize, &'static str, u8),
}

use Step::{Closes, Drops, Leave, Passes, Soon};

const HOUR: Duration = Duration::from_secs(3_600);

fn per_hour(burst: u32) -> MessageRateLayer {
    MessageRateLayer::new(Quota::per_hour(1.try_into().unwrap())).burst(burst)
}

const ROWS: &[Row] = &[
    Row {
        name: "a burst of messages, and then none, and another user has a burst of its own",
        layer: || per_hour(10).per_subject(),
        every: HOUR,
        steps: &[
            Passes(0, "a", 1, 6),
            Passes(1, "a", 2, 4),
            Closes(0, "a", 1),
            Closes(1, "a", 2),
            Passes(0, "b", 1, 3),
            Passes(1, "b", 1, 7),
            Closes(1, "b", 1),
        ],
    },
    Row {
        name: "users of one address",
        layer: || per_hour(4).per_client_ip(),
        every: HOUR,
        steps: &[
            Passes(0, "a", 1, 2),
            Passes(1, "b", 1, 2),
            Closes(0, "c", 1),
            Closes(1, "a", 1),
            Passes(1, "a", 2, 4),
        ],
    },
    Row {
        name: "all users together",
        layer: || per_hour(3).global(),
        every: HOUR,
        steps: &[Passes(0, "a", 1, 1), Passes(1, "b", 2, 2), Closes(0, "c", 3), Closes(1, "d", 4)],
    },
    Row {
        name: "what a connection has sent is not given back when it ends",
        layer: || per_hour(5).per_subject(),
        every: HOUR,
        steps: &[
            Passes(0, "a", 1, 3),
            Leave(0, "a", 1),
            Passes(0, "a", 1, 1),
            Passes(1, "a", 1, 1),
            Leave(1, "a", 1),
            Closes(0, "a", 1),
            Closes(1, "a", 1),
        ],
    },
    Row {
        name: "what is too much is dropped",
        layer: || per_hour(2).per_subject().on_excess(Excess::Drop),
        every: HOUR,
        steps: &[Passes(1, "a", 1, 1), Passes(0, "a", 1, 1), Drops(0, "a", 1), Drops(1, "a", 1), Drops(0, "a", 1)],
    },
    Row {
        name: "messages come back, one by one",
        layer: || MessageRateLayer::new(Quota::per_minute(20.try_into().unwrap())).burst(1).per_subject(),
        every: Duration::from_secs(3),
        steps: &[Passes(0, "a", 1, 1), Closes(0, "a", 1), Soon(0, "a", 1)],
    },
];

fn parts(user: &str, address: u8) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(Subject::new(user));
    parts.extensions.insert(ClientIp([192, 0, 2, address].into()));
    parts
}

/// One row, on the layers of two nodes.
struct Run {
    layers: [MessageRateLayer; 2],
    /// How many messages all nodes may owe.
    owed: u128,
    /// How many have passed since the quota was used up.
    extra: u128,
    begun: Instant,
    every: Duration,
    live: BTreeMap<(usize, &'static str, u8), Box<dyn Policy>>,
}

impl Run {
    fn connection(&mut self, of: (usize, &'static str, u8)) -> &mut dyn Policy {
        let (node, user, address) = of;
        let open = || self.layers[node].policy(&parts(user, address)).map_err(|refusal| refusal.kind()).unwrap();
        self.live.entry(of).or_insert_with(open).as_mut()
    }

    /// Sends until a message does not pass, and says what became of that. On a slow machine time may bring some
    /// meanwhile.
    async fn exhaust(&mut self, of: (usize, &'static str, u8)) -> Verdict {
        loop {
            let verdict = send(self.connection(of)).await;
            if verdict != Verdict::Pass {
                return verdict;
            }
            self.extra += 1;
            let (extra, owed, brought) =
                (self.extra, self.owed, self.begun.elapsed().as_nanos() / self.every.as_nanos());
            assert!(extra <= owed + brought, "{extra} have passed, {owed} may be owed, time brought {brought}");
        }
    }

    async fn step(&mut self, step: &Step, said: &str) {
        match *step {
            Passes(node, user, address, count) => {
                self.extra = 0;
                for nth in 0..count {
                    let verdict = send(self.connection((node, user, address))).await;
                    assert_eq!(verdict, Verdict::Pass, "{said}: message {nth}");
                }
            }
            Closes(node, user, address) => {
                let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, "message rate exceeded");
                assert_eq!(self.exhaust((node, user, address)).await, Verdict::Close(frame), "{said}");
                self.live.remove(&(node, user, address));
            }
            Drops(node, user, address) => {
                assert_eq!(self.exhaust((node, user, address)).await, Verdict::Drop, "{said}");
            }
            Soon(node, user, address) => {
                let layer = self.layers[node].clone();
                let passed = eventually(async || {
                    let mut connection = layer.policy(&parts(user, address)).map_err(|refusal| refusal.kind()).unwrap();
                    let verdict = send(connection.as_mut()).await;
                    if verdict == Verdict::Pass { Ok(()) } else { Err(verdict) }
                });
                passed.await.unwrap_or_else(|why| panic!("{said}: {why:?}"));
            }
            Leave(node, user, address) => drop(self.live.remove(&(node, user, address)).expect("it lives")),
        }
    }
}

async fn run_row(row: &Row, layers: [MessageRateLayer; 2], owed: u128) {
    let mut run = Run { layers, owed, extra: 0, begun: Instant::now(), every: row.every, live: BTreeMap::new() };
    for (at, step) in row.steps.iter().enumerate() {
        run.step(step, &format!("{}, step {}", row.name, at + 1)).await;
    }
}

/// Runs the table on two nodes that share.
pub(crate) async fn run<C: Connection>(store: &str, pair: &Pair<C>) {
    for row in ROWS {
        let nodes = pair.nodes.each_ref().map(|node| node.scope(row.name));
        run_row(row, nodes.each_ref().map(|node| (row.layer)().shared(node).block(1)), 2).await;
        println!("{store}: {}: {} steps as they must be", row.name, row.steps.len());
    }
}

#[tokio::test]
async fn what_becomes_of_messages_on_one_node_that_counts_for_itself() {
    for row in ROWS {
        let layer = (row.layer)();
        run_row(row, [layer.clone(), layer], 0).await;
        println!("memory: {}: {} steps as they must be", row.name, row.steps.len());
    }
}
