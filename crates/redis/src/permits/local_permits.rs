//! What this node holds, as a plain state.
//!
//! Permits are grouped by key, because the store is told of a key at once: of all that the node holds of it, and what
//! the oldest is. Each permit has what the store knows of it ([`Recorded`]), which decides two things. When it leaves,
//! whether the store has to be told, and how often. And when it is said again, with which time: the store's own if
//! there was one, or how long ago it came by this node's clock.
//!
//! Numbers of permits are those of the process, and never used twice. An incarnation is not part of them here: after a
//! lease was lost, the same connection has the same number under another incarnation.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    time::{Duration, Instant},
};

use portcullis_core::shared::{Name, OnGone};

/// The permits of this node, by key.
#[derive(Default)]
pub(crate) struct LocalPermits {
    groups: HashMap<Name, Group>,
    /// Keys of which the store has to be told.
    untold: HashSet<Name>,
    /// Connections that have places of a pool, and perhaps no permit. They are told when the lease has run out.
    in_pools: BTreeMap<u64, OnGone>,
    /// Permits that are being asked for. Whether the store has them is unknown, so no statement may judge them.
    taking: BTreeSet<u64>,
    /// The last number that was given out.
    last: u64,
}

/// What this node holds of one key.
#[derive(Default)]
struct Group {
    /// How many there may be, where the oldest makes room.
    evict: Option<usize>,
    /// A statement is on its way, or was lost: a permit that leaves now may be in it.
    saying: bool,
    permits: BTreeMap<u64, One>,
}

/// One permit of a key.
struct One {
    told: Recorded,
    /// When it came, by this node's clock: for a store that has never heard of it.
    since: Instant,
    /// Closes the connection.
    on_gone: OnGone,
}

/// What the store knows of a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Nothing.
    No,
    /// Perhaps everything: it was told, and has not answered.
    Perhaps,
    /// Everything. The store's time.
    At(u64),
}

/// All permits of a key, to be said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) evict: Option<usize>,
    /// Permits from this number on may be taken at this moment.
    pub(crate) horizon: u64,
    pub(crate) permits: Vec<(u64, Time)>,
}

/// When a permit was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// The store's own word.
    Score(u64),
    /// So long ago.
    Age(Duration),
}

impl LocalPermits {
    /// A number for a permit that is being asked for. [`end`](Self::end) must follow, or no statement would ever judge
    /// what is younger.
    pub(crate) fn begin(&mut self) -> u64 {
        self.last += 1;
        self.taking.insert(self.last);
        self.last
    }

    /// It is not being asked for any longer.
    pub(crate) fn end(&mut self, permit: u64) {
        self.taking.remove(&permit);
    }

    pub(crate) fn insert(&mut self, name: Name, permit: u64, told: Recorded, since: Instant, on_gone: OnGone) {
        let group = self.groups.entry(name).or_default();
        group.permits.insert(permit, One { told, since, on_gone });
        if told == Recorded::No {
            self.untold.insert(name);
        }
    }

    /// A connection has a place of a pool.
    pub(crate) fn enter_pool(&mut self, permit: u64, on_gone: OnGone) {
        self.in_pools.insert(permit, on_gone);
    }

    /// It has none any longer.
    pub(crate) fn leave_pools(&mut self, permit: u64) {
        self.in_pools.remove(&permit);
    }

    /// The oldest of this key makes room.
    pub(crate) fn evicts(&mut self, name: Name, max: usize) {
        if let Some(group) = self.groups.get_mut(&name) {
            group.evict = Some(max);
        }
    }

    /// The store has answered.
    pub(crate) fn told(&mut self, name: Name, permit: u64, score: u64) {
        if let Some(one) = self.one(name, permit) {
            one.told = Recorded::At(score);
        }
    }

    /// The store has to be told of a key.
    pub(crate) fn untell(&mut self, name: Name) {
        if self.groups.contains_key(&name) {
            self.untold.insert(name);
        }
    }

    /// The store has to be told everything.
    pub(crate) fn untell_all(&mut self) {
        self.untold.extend(self.groups.keys().copied());
    }

    /// The store has to be told of what was taken after a time.
    pub(crate) fn untell_since(&mut self, time: Option<Instant>) {
        let is_young = |one: &One| time.is_none_or(|time| one.since >= time);
        let young = self.groups.iter().filter(|(_, group)| group.permits.values().any(is_young));
        self.untold.extend(young.map(|(name, _)| *name));
    }

    /// Whether nothing is held, and nothing asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.taking.is_empty()
    }

    pub(crate) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// Some of the keys of which the store has to be told, as if it had been. What fails is [untold](Self::untell)
    /// again: if they stayed in here meanwhile, what happens to a key while it is told could not be told from what was
    /// before.
    pub(crate) fn take_untold(&mut self, max: usize) -> Vec<Name> {
        let some: Vec<_> = self.untold.iter().take(max).copied().collect();
        for name in &some {
            self.untold.remove(name);
        }
        some
    }

    pub(crate) fn statement(&mut self, name: Name, now: Instant) -> Option<Statement> {
        // The store removes what it has of this node and is not in the statement. A permit that is being taken is in
        // the store before it is in here, so the statement speaks only of what is older than all of those.
        let horizon = self.taking.first().copied().unwrap_or(self.last + 1);
        let group = self.groups.get_mut(&name)?;
        group.saying = true;
        let mut permits = Vec::with_capacity(group.permits.len());
        for (permit, one) in &mut group.permits {
            permits.push((*permit, one.time(now)));
            // From here on, whether or not an answer comes: the statement may arrive after the permit has left.
            if one.told == Recorded::No {
                one.told = Recorded::Perhaps;
            }
        }
        Some(Statement { evict: group.evict, horizon, permits })
    }

    /// The statement was answered.
    pub(crate) fn said(&mut self, name: Name) {
        if let Some(group) = self.groups.get_mut(&name) {
            group.saying = false;
        }
    }

    /// A permit is given up. Returns what the store knows of it, unless it has gone already.
    pub(crate) fn leave(&mut self, name: Name, permit: u64) -> Option<Recorded> {
        // A statement that is on its way names this permit. If it is released first, the statement brings it back, and
        // nothing would remove it: so it is released as one that was given up, twice, after the next beats.
        let saying = self.groups.get(&name).is_some_and(|group| group.saying);
        let told = self.remove(name, permit)?.told;
        Some(if saying { Recorded::Perhaps } else { told })
    }

    /// A connection makes room.
    pub(crate) fn gone(&mut self, name: Name, permit: u64) -> Option<OnGone> {
        self.remove(name, permit).map(|one| one.on_gone)
    }

    /// Forgets everything.
    pub(crate) fn drain(&mut self) -> Vec<OnGone> {
        self.untold.clear();
        // By their numbers, as a connection may hold permits of several keys, and a place of a pool.
        let mut last = std::mem::take(&mut self.in_pools);
        for (permit, one) in self.groups.drain().flat_map(|(_, group)| group.permits) {
            last.insert(permit, one.on_gone);
        }
        last.into_values().collect()
    }

    fn one(&mut self, name: Name, permit: u64) -> Option<&mut One> {
        self.groups.get_mut(&name)?.permits.get_mut(&permit)
    }

    fn remove(&mut self, name: Name, permit: u64) -> Option<One> {
        let group = self.groups.get_mut(&name)?;
        let one = group.permits.remove(&permit)?;
        if group.permits.is_empty() {
            self.groups.remove(&name);
            self.untold.remove(&name);
        }
        Some(one)
    }
}

impl One {
    fn time(&self, now: Instant) -> Time {
        match self.told {
            Recorded::At(score) => Time::Score(score),
            Recorded::No | Recorded::Perhaps => Time::Age(now.saturating_duration_since(self.since)),
        }
    }
}

impl fmt::Debug for LocalPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPermits").field("keys", &self.groups.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NAME: Name = Name::from_bytes([1; 16]);

    fn insert(held: &mut LocalPermits, permit: u64, told: Recorded, now: Instant) {
        held.insert(NAME, permit, told, now, Arc::new(|_| {}));
    }

    #[test]
    fn a_statement_judges_nothing_that_is_being_taken() {
        let (mut held, now) = (LocalPermits::default(), Instant::now());
        let [first, second, third] = [(); 3].map(|()| held.begin());
        insert(&mut held, first, Recorded::At(7), now);
        held.end(first);
        insert(&mut held, third, Recorded::No, now);
        held.end(third);
        let permits = vec![(first, Time::Score(7)), (third, Time::Age(Duration::from_secs(1)))];
        let later = now + Duration::from_secs(1);
        assert_eq!(held.statement(NAME, later), Some(Statement { evict: None, horizon: second, permits }));
        held.end(second);
        assert_eq!(held.statement(NAME, later).unwrap().horizon, third + 1);
    }

    #[test]
    fn what_was_said_may_be_known_before_the_answer() {
        let (mut held, now) = (LocalPermits::default(), Instant::now());
        insert(&mut held, 1, Recorded::No, now);
        insert(&mut held, 2, Recorded::No, now);
        assert_eq!(held.leave(NAME, 1), Some(Recorded::No));
        assert_eq!(held.take_untold(9), [NAME]);
        held.statement(NAME, now);
        assert_eq!(held.leave(NAME, 2), Some(Recorded::Perhaps));
        assert_eq!(held.leave(NAME, 2), None);
        assert!(held.groups.is_empty());
    }

    #[test]
    fn keys_with_young_permits_are_told_to_a_new_server() {
        let (mut held, now) = (LocalPermits::default(), Instant::now());
        insert(&mut held, 1, Recorded::At(1), now);
        held.untell_since(Some(now + Duration::from_secs(1)));
        assert!(!held.has_untold());
        held.untell_since(Some(now));
        assert!(held.has_untold());
    }

    #[test]
    fn a_connection_is_told_once_whatever_it_holds() {
        let (mut held, now) = (LocalPermits::default(), Instant::now());
        let other = Name::from_bytes([2; 16]);
        insert(&mut held, 1, Recorded::At(1), now);
        held.insert(other, 1, Recorded::At(1), now, Arc::new(|_| {}));
        held.enter_pool(1, Arc::new(|_| {}));
        held.enter_pool(2, Arc::new(|_| {}));
        held.enter_pool(3, Arc::new(|_| {}));
        held.leave_pools(3);
        assert_eq!(held.drain().len(), 2);
        assert!(held.drain().is_empty());
    }
}
