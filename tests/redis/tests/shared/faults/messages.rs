//! Messages: each window of a quota is within its bound, whatever happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use super::{
    client::Client,
    world::{World, lock},
};

const RATE: f64 = 300.0;
const BURST: f64 = 60.0;
const BLOCK: f64 = 10.0;

/// The same, for a node.
pub(super) const TERMS: &str = "300,60,10";

/// Messages that are sent at once.
const COUNT: u64 = 12;

/// So long all nodes use one quota. Then its windows are looked at, and another one is used.
const ROUND: Duration = Duration::from_secs(20);

#[derive(Default)]
pub(super) struct Messages {
    rounds: BTreeMap<u128, Vec<Batch>>,
    pub(super) seen: Seen,
}

/// Messages that were sent at once.
#[derive(Clone, Copy)]
struct Batch {
    asked: Instant,
    answered: Instant,
    life: usize,
    passed: u64,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) passed: u64,
    sent: u64,
    rounds: usize,
    windows: usize,
    worst: Option<Window>,
}

/// A window, and by how much it is over `burst + rate * time`, with a burst more for each loss of data.
#[derive(Clone, Copy)]
struct Window {
    time: Duration,
    messages: u64,
    processes: usize,
    losses: usize,
    over: f64,
}

impl Window {
    /// Each process may have a block in hand at the beginning, and owe an overdraft at the end.
    #[allow(clippy::cast_precision_loss, reason = "few")]
    fn bound(&self) -> f64 {
        2.0 * BLOCK * self.processes as f64
    }
}

pub(super) fn flood(client: &mut Client<'_>) {
    let (world, asked) = (client.world, Instant::now());
    let round = (asked - world.start).as_millis() / ROUND.as_millis();
    let passed = client.ask(&format!("flood quota{round} {COUNT}")).parse().unwrap();
    let batch = Batch { asked, answered: Instant::now(), life: client.life, passed };
    let done = {
        let mut messages = lock(&world.messages);
        messages.seen.sent += COUNT;
        messages.seen.passed += passed;
        messages.rounds.entry(round).or_default().push(batch);
        // Nobody sends messages of the round before the last.
        let current = messages.rounds.split_off(&round.saturating_sub(1));
        std::mem::replace(&mut messages.rounds, current)
    };
    for batches in done.into_values() {
        look_at(world, batches);
    }
}

/// Looks at the rounds that are left.
pub(super) fn finish(world: &World<'_>) {
    let rounds = std::mem::take(&mut lock(&world.messages).rounds);
    for batches in rounds.into_values() {
        look_at(world, batches);
    }
}

/// Looks at all windows from when one batch was asked for until when another was answered.
#[allow(clippy::cast_precision_loss, reason = "few")]
fn look_at(world: &World<'_>, mut batches: Vec<Batch>) {
    batches.retain(|batch| batch.passed > 0);
    batches.sort_by_key(|batch| batch.asked);
    let (mut worst, mut windows) = (None::<Window>, 0);
    for (at, Batch { asked: from, .. }) in batches.iter().enumerate() {
        let (mut to, mut messages, mut lives) = (*from, 0, BTreeSet::new());
        for batch in &batches[at..] {
            to = to.max(batch.answered);
            messages += batch.passed;
            lives.insert(batch.life);
            let (time, processes) = (to - *from, lives.len());
            let mut window = Window { time, messages, processes, losses: 0, over: 0.0 };
            window.over = messages as f64 - BURST - RATE * time.as_secs_f64();
            windows += 1;
            if window.over > 0.0 {
                window.losses = world.losses.between(*from, to);
                window.over -= BURST * window.losses as f64;
            }
            let gap = |window: &Window| window.over - window.bound();
            if worst.is_none_or(|worst| gap(&window) > gap(&worst)) {
                worst = Some(window);
            }
        }
    }
    let mut all = lock(&world.messages);
    all.seen.rounds += 1;
    all.seen.windows += windows;
    let Some(worst) = worst else { return };
    if all.seen.worst.is_none_or(|other| worst.over - worst.bound() > other.over - other.bound()) {
        all.seen.worst = Some(worst);
    }
    drop(all);
    if worst.over > worst.bound() {
        world.wrong(format!("a window of a quota: {worst}"));
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, messages, processes, losses, over } = self;
        write!(f, "{messages} in {time:.2?} of {processes} processes, the data lost {losses} times: ")?;
        write!(f, "over by {over:.0}, and {:.0} may be", self.bound())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, sent, rounds, windows, worst } = self;
        writeln!(f, "messages: {sent} sent, {passed} passed, {rounds} quotas, {windows} windows looked at")?;
        match worst {
            Some(worst) => writeln!(f, "  the one nearest to its bound: {worst}"),
            None => Ok(()),
        }
    }
}
