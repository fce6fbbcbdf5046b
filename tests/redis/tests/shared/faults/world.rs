//! What all threads share: what is true, when the data was lost, and what went wrong.

use std::{
    sync::{
        Mutex, MutexGuard, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use redis_tests::Proxy;

use super::{messages::Messages, permits::Permits, strikes::Tokens, tickets::Tickets};

pub(super) const NODES: usize = 6;
pub(super) const LEASE: Duration = Duration::from_secs(3);
pub(super) const BEAT: Duration = Duration::from_millis(300);
/// How long a handshake waits for its answer, so that many are given up.
pub(super) const DEADLINE: Duration = Duration::from_millis(250);
/// How long a node that hears nothing goes by what it knows to be revoked.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(2);

/// What all threads share.
pub(super) struct World<'a> {
    pub(super) proxies: &'a [Proxy],
    /// Held for reading while a node is cut off, and for writing while the data is lost.
    pub(super) data: RwLock<()>,
    pub(super) losses: Losses,
    pub(super) start: Instant,
    pub(super) end: Instant,
    pub(super) faults: Mutex<Faults>,
    pub(super) permits: Mutex<Permits>,
    pub(super) tickets: Mutex<Tickets>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) messages: Mutex<Messages>,
    /// Of each node, which process it is.
    lives: [AtomicUsize; NODES],
    next_life: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

/// What was done to nodes and to Redis.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) kills: usize,
    pub(super) drains: usize,
    pub(super) stops: usize,
    pub(super) cuts: usize,
    pub(super) holds: usize,
    pub(super) delays: usize,
    pub(super) long_cuts: usize,
    pub(super) redis_stopped: usize,
    pub(super) redis_emptied: usize,
    pub(super) redis_flushed: usize,
}

impl<'a> World<'a> {
    pub(super) fn new(proxies: &'a [Proxy], time: Duration) -> Self {
        let start = Instant::now();
        Self {
            proxies,
            data: RwLock::default(),
            losses: Losses::default(),
            start,
            end: start + time,
            faults: Mutex::default(),
            permits: Mutex::default(),
            tickets: Mutex::default(),
            tokens: Mutex::default(),
            messages: Mutex::default(),
            lives: Default::default(),
            next_life: AtomicUsize::new(1),
            wrong: Mutex::default(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// A node begins anew: which process it is from here on.
    pub(super) fn begin(&self, node: usize) -> usize {
        let life = self.next_life.fetch_add(1, Ordering::SeqCst);
        self.lives[node].store(life, Ordering::SeqCst);
        life
    }

    /// Which process a node is.
    pub(super) fn life(&self, node: usize) -> usize {
        self.lives[node].load(Ordering::SeqCst)
    }

    /// Something is not as it must be. The run goes on, and fails at its end.
    pub(super) fn wrong(&self, what: String) {
        println!("WRONG after {:?}: {what}", self.start.elapsed());
        lock(&self.wrong).push(what);
    }

    pub(super) fn all_wrong(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    pub(super) fn fault(&self, count: impl FnOnce(&mut Faults) -> &mut usize) {
        *count(&mut lock(&self.faults)) += 1;
    }
}

/// When the store lost its data.
#[derive(Default)]
pub(super) struct Losses(Mutex<Vec<(Instant, Option<Instant>)>>);

impl Losses {
    /// Loses the data.
    pub(super) fn lose(&self, how: impl FnOnce()) {
        lock(&self.0).push((Instant::now(), None));
        how();
        if let Some((_, end)) = lock(&self.0).last_mut() {
            *end = Some(Instant::now());
        }
    }

    /// How often that happened between two times, or was under way at one of them.
    pub(super) fn between(&self, from: Instant, to: Instant) -> usize {
        let losses = lock(&self.0);
        let late = losses.iter().rev().take_while(|(_, end)| end.is_none_or(|end| end >= from));
        late.filter(|(start, _)| *start <= to).count()
    }

    pub(super) fn since(&self, from: Instant) -> bool {
        self.between(from, Instant::now()) > 0
    }
}

/// xorshift: the same faults in each run, as far as the machine lets them be.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// One of so many, unless there are none.
    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { Some(all[usize::try_from(self.roll(all.len() as u64)).unwrap()]) }
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to - from))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
