//! A node that does what it is told: `node URL LEASE_MS BEAT_MS [keep|close] [DEADLINE_MS] [STALE_AFTER_MS
//! RATE,BURST,BLOCK]`.
//!
//! - `take KEY MOST`: `yes`, `full` or `away`.
//! - `evict KEY MOST`: the same, where the oldest makes room.
//! - `leave`: gives one permit back. `live`: how many it has. `health`: how it stands. `fenced`: how often it was.
//! - `events`: what has happened to it.
//! - `keep COUNT`: so many permits of as many keys, which nobody was asked for.
//! - `drain`: takes nothing more. `depart`: gives all back, and leaves.
//!
//! With a rate of messages it guards more:
//!
//! - `connect TOKEN ADDRESS`, `ended`, `open-still TOKENS`, `strike HOW WHOM`: live connections, and what ends them.
//! - `spend TICKET`: `yes`, or why not. `flood KEY COUNT`: how many messages passed.
//!   `send KEY`: whether one did.
#![allow(clippy::unwrap_used, reason = "a node of a test fails by panicking")]

mod guarded;

use std::{
    env,
    io::{BufRead, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_redis::{Cluster, Denied, OnFenced, Permit, PermitRequest};
use redis_tests::SECRET;

use crate::guarded::Guarded;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let millis = |at: usize| Duration::from_millis(arguments[at].parse().unwrap());
    let builder = Cluster::connect(&arguments[0]).secret(SECRET).namespace("t").lease(millis(1)).beat(millis(2));
    // Where a machine is busy, nothing is away unless the test makes it so.
    let deadline = if arguments.len() > 4 { millis(4) } else { Duration::from_secs(5) };
    let builder = builder.deadline(deadline);
    let on_fenced = if arguments.get(3).is_some_and(|word| word == "close") { OnFenced::Close } else { OnFenced::Keep };
    let builder = if arguments.len() > 5 { builder.stale_after(millis(5)) } else { builder };
    let cluster = builder.on_fenced(on_fenced).lazy().build().await.unwrap();
    let guarded = arguments.get(6).map(|rate| {
        let mut numbers = rate.split(',').map(|number| number.parse().unwrap());
        Guarded::new(cluster.clone(), std::array::from_fn(|_| numbers.next().unwrap()))
    });
    cluster.ready().await;
    let mut node = Node { cluster, guarded, permits: Vec::new(), gone: Arc::default() };
    say("ready");
    let (lines, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
    });
    while let Some(line) = told.recv().await {
        let answer = node.obey(&line).await;
        say(&answer);
    }
}

struct Node {
    cluster: Cluster,
    guarded: Option<Guarded>,
    permits: Vec<Permit>,
    gone: Arc<AtomicUsize>,
}

impl Node {
    async fn obey(&mut self, line: &str) -> String {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["take", key, most] => {
                self.take(PermitRequest::new(self.cluster.name("subject", key), most.parse().unwrap())).await
            }
            ["evict", key, most] => {
                let wanted = PermitRequest::new(self.cluster.name("subject", key), most.parse().unwrap());
                self.take(wanted.evict_oldest()).await
            }
            ["leave"] => self.permits.pop().map_or("none", |_| "yes").to_owned(),
            ["keep", count] => {
                for key in 0..count.parse::<u64>().unwrap() {
                    let wanted = [PermitRequest::new(self.cluster.name("subject", key.to_be_bytes()), 1)];
                    self.permits.push(self.cluster.keep(&wanted, |_| {}));
                }
                String::from("yes")
            }
            ["live"] => (self.permits.len() - self.gone.load(Ordering::SeqCst)).to_string(),
            ["health"] => format!("{:?}", self.cluster.health().state),
            ["heard"] => self.cluster.health().events.heard.to_string(),
            ["events"] => format!("{:?}", self.cluster.health()),
            ["fenced"] => self.cluster.health().events.fenced.to_string(),
            ["drain"] => {
                self.cluster.drain();
                String::from("yes")
            }
            ["depart"] => {
                self.permits.clear();
                self.cluster.leave().await;
                String::from("yes")
            }
            _ => self.guard(line).await,
        }
    }

    async fn guard(&mut self, line: &str) -> String {
        let guarded = self.guarded.as_mut().unwrap_or_else(|| panic!("what is {line:?}?"));
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["connect", token, address] => guarded.connect(token, address).await,
            ["ended"] => guarded.ended(),
            ["open-still", tokens] => guarded.open_still(tokens).await,
            ["strike", how, whom] => guarded.strike(how, whom).await,
            ["spend", ticket] => guarded.spend(ticket).await,
            ["flood", key, count] => guarded.flood(key, count),
            ["send", key] => guarded.send(key).await,
            _ => panic!("what is {line:?}?"),
        }
    }

    async fn take(&mut self, wanted: PermitRequest) -> String {
        let (by, gone) = (self.cluster.deadline(), self.gone.clone());
        let close = move |_| _ = gone.fetch_add(1, Ordering::SeqCst);
        match self.cluster.take(&[wanted], by, close).await {
            Ok(permit) => {
                permit.settle(by).await;
                self.permits.push(permit);
                String::from("yes")
            }
            Err(Denied::Full(_)) => String::from("full"),
            Err(_) => String::from("away"),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}
