//! Permits: a key has no more live connections than its limit.

use std::{
    fmt,
    time::{Duration, Instant},
};

use redis_tests::{Inside, SECRET, Server};

use super::{
    client::Client,
    world::{Dice, NODES, World, lock},
};

const KEYS: usize = 8;
const MOST: usize = 5;

/// What is really so: a permit counts from when its node says that it has it, until just before the node is told to
/// give it back, or is dead.
#[derive(Default)]
pub(super) struct Permits {
    nodes: [Held; NODES],
    pub(super) seen: Seen,
}

/// What a node has.
#[derive(Default)]
struct Held {
    /// The key of each permit, and whether the others may have been given it: the node was cut off, or stood still, for
    /// longer than its lease while it had it.
    permits: Vec<(usize, bool)>,
    /// It may be cut off for longer than its lease.
    suspect: bool,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) taken: usize,
    pub(super) refused: usize,
    away: usize,
    /// Of a key, of what no other node could have been given.
    most: usize,
    /// Of a key, with what a fenced node had kept.
    most_with_fenced: usize,
    /// By how much a key was over its limit, and how much fenced nodes had of it.
    over: usize,
    over_of: usize,
}

impl Permits {
    /// How many live connections a key has, and how many more that may not be counted.
    fn of(&self, key: usize) -> (usize, usize) {
        let all = self.nodes.iter().flat_map(|node| &node.permits).filter(|(of, _)| *of == key);
        let void = all.clone().filter(|(_, void)| *void).count();
        (all.count() - void, void)
    }

    /// Takes one. What is wrong then, if anything.
    fn take(&mut self, node: usize, key: usize) -> Option<String> {
        let void = self.nodes[node].suspect;
        self.nodes[node].permits.push((key, void));
        let (sure, void) = self.of(key);
        let seen = &mut self.seen;
        seen.taken += 1;
        seen.most = seen.most.max(sure);
        seen.most_with_fenced = seen.most_with_fenced.max(sure + void);
        let over = (sure + void).saturating_sub(MOST);
        if over > seen.over {
            (seen.over, seen.over_of) = (over, void);
        }
        let wrong = sure > MOST || over > void;
        wrong.then(|| format!("key {key} has {sure} permits, and {void} of fenced nodes"))
    }

    /// The others may be given what it has, from here on.
    pub(super) fn suspect(&mut self, node: usize) {
        let held = &mut self.nodes[node];
        held.suspect = true;
        held.permits.iter_mut().for_each(|(_, void)| *void = true);
    }

    /// It has been heard again.
    pub(super) fn trust(&mut self, node: usize) {
        self.nodes[node].suspect = false;
    }
}

pub(super) fn take(client: &mut Client<'_>, dice: &mut Dice) {
    let (key, answer) = ask(client, dice);
    let mut permits = lock(&client.world.permits);
    let wrong = match answer.as_str() {
        "yes" => permits.take(client.node, key),
        "full" => {
            permits.seen.refused += 1;
            None
        }
        _ => {
            permits.seen.away += 1;
            None
        }
    };
    drop(permits);
    if let Some(wrong) = wrong {
        client.world.wrong(wrong);
    }
}

/// A node that drains takes nothing.
pub(super) fn take_in_vain(client: &mut Client<'_>, dice: &mut Dice) {
    let (key, answer) = ask(client, dice);
    if answer != "away" {
        client.world.wrong(format!("a node that drains was asked for key {key}, and said {answer}"));
    }
}

fn ask(client: &mut Client<'_>, dice: &mut Dice) -> (usize, String) {
    let key = usize::try_from(dice.roll(KEYS as u64)).unwrap();
    (key, client.ask(&format!("take key{key} {MOST}")))
}

/// The node gives back the newest. One that is cut off keeps what it has until it is heard again.
pub(super) fn leave(client: &mut Client<'_>) {
    let node = &mut lock(&client.world.permits).nodes[client.node];
    let had = if node.suspect { None } else { node.permits.pop() };
    if had.is_some() {
        assert_eq!(client.ask("leave"), "yes");
    }
}

/// A node has ended, or is about to end in good order.
pub(super) fn gone(world: &World<'_>, node: usize) {
    lock(&world.permits).nodes[node].permits.clear();
}

pub(super) fn is_suspect(world: &World<'_>, node: usize) -> bool {
    lock(&world.permits).nodes[node].suspect
}

/// Waits until the store has what is live, and nothing else. Returns how many those are.
pub(super) async fn settle(server: &Server, world: &World<'_>) -> usize {
    let names = portcullis_redis::Cluster::connect(server.url()).secret(SECRET).namespace("names");
    let names = names.build().await.unwrap();
    let (mut inside, mut all, start) = (Inside(server.inspect().await), 0, Instant::now());
    for key in 0..KEYS {
        let (sure, void) = lock(&world.permits).of(key);
        let live = sure + void;
        loop {
            // What those have who were killed is void, and is swept when the key is found full.
            let mut held = inside.permits(names.name("subject", format!("key{key}"))).await;
            let alive = inside.nodes().await;
            held.retain(|permit| alive.contains(&permit.split(':').next().unwrap().parse().unwrap()));
            if held.len() == live {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{held:?} in the store, {live} live");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        all += live;
    }
    all
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { taken, refused, away, most, most_with_fenced, over, over_of } = self;
        writeln!(f, "permits: {taken} taken, {refused} refused, {away} away; at most {most} of {MOST} of a key,")?;
        writeln!(f, "  {most_with_fenced} with what fenced nodes had kept; over by {over}, of which they had {over_of}")
    }
}
