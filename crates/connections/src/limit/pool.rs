//! Who holds a permit. One lock for all limits of a layer, so that several are taken together or not at all.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::Hash,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_core::identity::Subject;

use super::capacity::Limit;

/// Whose connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Client(IpAddr),
    Subject(Subject),
    Custom(Box<str>),
    /// Of those of whom nobody knows yet who they are.
    Unauthenticated,
}

/// Which limit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Of(Key),
}

/// Names a permit.
type Seat = u64;

/// The permits of a layer. What is seated is whatever can be evicted: a connection.
pub(crate) struct Pool<C> {
    state: Mutex<State<C>>,
    most: Option<usize>,
}

struct State<C> {
    total: usize,
    keys: HashMap<Key, VecDeque<(Seat, Option<C>)>>,
    /// Those who gave up their seat and have not ended yet, oldest first.
    closing: HashMap<Key, VecDeque<(Seat, C)>>,
    /// The high-water mark was crossed, and announced.
    high: bool,
}

/// Those who make room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Evicted<C> {
    pub(crate) closing: Vec<C>,
    /// They were closing, and there are too many of them.
    pub(crate) aborted: Vec<C>,
}

impl<C> Default for Evicted<C> {
    fn default() -> Self {
        Self { closing: Vec::new(), aborted: Vec::new() }
    }
}

/// Of one key so many may be closing at once, or as many as may live. Each takes the moment that its handler has for its
/// last answers, in which a browser opens all the tabs of its last session: those must read why they were closed.
const CLOSING: usize = 32;

/// What was crossed by a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossed {
    pub(crate) live: usize,
    pub(crate) most: usize,
}

impl<C: Clone> Pool<C> {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self { state: Mutex::new(State { total: 0, keys: HashMap::new(), closing: HashMap::new(), high: false }), most }
    }

    /// Takes a permit for the server and for all keys, or none.
    pub(crate) fn take(self: &Arc<Self>, keys: Vec<(Key, Limit)>) -> Result<(Permit<C>, Option<Crossed>), Full> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut state = self.lock();
        if self.most.is_some_and(|most| state.total >= most) {
            return Err(Full::Server);
        }
        if let Some((key, _)) = keys.iter().find(|(key, limit)| !state.has_room(key, *limit)) {
            return Err(Full::Of(key.clone()));
        }
        let seat = NEXT.fetch_add(1, Ordering::Relaxed);
        state.total += 1;
        for (key, _) in &keys {
            // Most keys have one connection.
            let seats = state.keys.entry(key.clone()).or_insert_with(|| VecDeque::with_capacity(1));
            seats.push_back((seat, None));
        }
        let crossed = state.crossed(self.most);
        drop(state);
        Ok((Permit { pool: self.clone(), seat, keys: Mutex::new(keys) }, crossed))
    }

    pub(crate) fn total(&self) -> usize {
        self.lock().total
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        let state = self.lock();
        state.keys.len() + state.closing.len()
    }

    #[cfg(test)]
    fn seats(&self, key: &Key) -> usize {
        self.lock().keys.get(key).map_or(0, VecDeque::len)
    }

    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> State<C> {
    /// Where the oldest makes room, newcomers have to wait for their own handshakes only: as many at once as there are
    /// places, and eight at least.
    fn has_room(&self, key: &Key, limit: Limit) -> bool {
        let Some(seats) = self.keys.get(key) else { return limit.most > 0 };
        if seats.len() < limit.most {
            return true;
        }
        let pending = seats.iter().filter(|(_, seated)| seated.is_none()).count();
        limit.evict && limit.most > 0 && pending < limit.most.max(8)
    }

    fn leave(&mut self, key: &Key, seat: Seat) {
        if let Some(seats) = self.keys.get_mut(key) {
            seats.retain(|(taken, _)| *taken != seat);
            if seats.is_empty() {
                self.keys.remove(key);
            }
        }
        if let Some(closing) = self.closing.get_mut(key) {
            closing.retain(|(taken, _)| *taken != seat);
            if closing.is_empty() {
                self.closing.remove(key);
            }
        }
    }

    /// The oldest that are beyond a limit give up their seats.
    fn evict(&mut self, key: &Key, limit: Limit, but: Seat, evicted: &mut Evicted<C>)
    where
        C: Clone,
    {
        let Some(seats) = self.keys.get_mut(key).filter(|_| limit.evict) else { return };
        let mut seated = seats.iter().filter(|(_, seated)| seated.is_some()).count();
        while seated > limit.most {
            let oldest = seats.iter().position(|(seat, seated)| seated.is_some() && *seat != but);
            let Some((seat, Some(connection))) = oldest.and_then(|oldest| seats.remove(oldest)) else { break };
            evicted.closing.push(connection.clone());
            self.closing.entry(key.clone()).or_default().push_back((seat, connection));
            seated -= 1;
        }
        let Some(closing) = self.closing.get_mut(key) else { return };
        while closing.len() > limit.most.max(CLOSING) {
            evicted.aborted.extend(closing.pop_front().map(|(_, connection)| connection));
        }
    }

    /// At nine tenths, and not again before it was below eight.
    fn crossed(&mut self, most: Option<usize>) -> Option<Crossed> {
        let most = most?;
        let (live, eight, nine) = (self.total.saturating_mul(10), most.saturating_mul(8), most.saturating_mul(9));
        if live < eight {
            self.high = false;
        }
        let crosses = !self.high && live >= nine;
        self.high |= crosses;
        crosses.then_some(Crossed { live: self.total, most })
    }
}

/// A place for one connection. Freed when it is dropped.
pub(crate) struct Permit<C: Clone> {
    pool: Arc<Pool<C>>,
    seat: Seat,
    keys: Mutex<Vec<(Key, Limit)>>,
}

impl<C: Clone> Permit<C> {
    /// The handshake was accepted. Returns those who make room for the connection.
    pub(crate) fn settle(&self, connection: &C) -> Evicted<C> {
        let (keys, mut evicted) = (self.keys().clone(), Evicted::default());
        let mut state = self.pool.lock();
        for (key, limit) in &keys {
            self.seat(&mut state, key, *limit, connection, &mut evicted);
        }
        evicted
    }

    /// Takes a place for one more key, once it is known. Returns those who make room.
    pub(crate) fn join(&self, key: Key, limit: Limit, connection: &C) -> Result<Evicted<C>, Full> {
        let mut state = self.pool.lock();
        if !state.has_room(&key, limit) {
            return Err(Full::Of(key));
        }
        state.keys.entry(key.clone()).or_default().push_back((self.seat, None));
        let mut evicted = Evicted::default();
        self.seat(&mut state, &key, limit, connection, &mut evicted);
        drop(state);
        self.keys().push((key, limit));
        Ok(evicted)
    }

    /// Gives up the place of one key.
    pub(crate) fn leave(&self, key: &Key) {
        self.keys().retain(|(held, _)| held != key);
        self.pool.lock().leave(key, self.seat);
    }

    fn seat(&self, state: &mut State<C>, key: &Key, limit: Limit, connection: &C, evicted: &mut Evicted<C>) {
        let seats = state.keys.get_mut(key).into_iter().flatten();
        for (_, seated) in seats.filter(|(seat, _)| *seat == self.seat) {
            *seated = Some(connection.clone());
        }
        state.evict(key, limit, self.seat, evicted);
    }

    fn keys(&self) -> MutexGuard<'_, Vec<(Key, Limit)>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Clone> Drop for Permit<C> {
    fn drop(&mut self) {
        let keys = std::mem::take(&mut *self.keys());
        let mut state = self.pool.lock();
        state.total -= 1;
        for (key, _) in &keys {
            state.leave(key, self.seat);
        }
        // Below the mark it may be announced again.
        state.crossed(self.pool.most);
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Key {
        Key::Custom(name.into())
    }

    #[test]
    fn all_permits_are_taken_or_none() {
        let pool = Arc::new(Pool::<u32>::new(Some(10)));
        let both = || vec![(key("a"), Limit::new(5)), (key("b"), Limit::new(1))];
        let (first, _) = pool.take(both()).unwrap();
        assert_eq!(pool.take(both()).err(), Some(Full::Of(key("b"))));
        let only_a: Vec<_> = (0..4).map(|_| pool.take(vec![(key("a"), Limit::new(5))]).unwrap()).collect();
        assert_eq!(pool.take(vec![(key("a"), Limit::new(5))]).err(), Some(Full::Of(key("a"))), "none was lost above");
        drop((first, only_a));
        assert_eq!((pool.total(), pool.keys()), (0, 0));
    }

    #[test]
    fn the_oldest_makes_room_when_the_newcomer_is_accepted_and_not_before() {
        let pool = Arc::new(Pool::<u32>::new(None));
        let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
        let (first, _) = pool.take(one()).unwrap();
        assert_eq!(first.settle(&1), Evicted::default());
        let (failed, _) = pool.take(one()).unwrap();
        drop(failed);
        let (second, _) = pool.take(one()).unwrap();
        assert_eq!(second.settle(&2).closing, [1]);
        // The first one's permit moved: its end frees nothing twice.
        drop(first);
        let (third, _) = pool.take(one()).unwrap();
        assert_eq!(third.settle(&3).closing, [2]);
        drop((second, third));
        assert_eq!((pool.total(), pool.keys()), (0, 0));
    }

    #[test]
    fn a_storm_of_newcomers_is_bounded() {
        let pool = Arc::new(Pool::<u32>::new(None));
        let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
        let pending: Vec<_> = (0..100).filter_map(|_| pool.take(one()).ok()).collect();
        assert_eq!(pending.len(), 8);
    }

    #[test]
    fn those_who_close_are_bounded_too() {
        let pool = Arc::new(Pool::<u32>::new(None));
        let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
        let mut permits = Vec::new();
        let mut aborted = Vec::new();
        for number in 0..50 {
            let (permit, _) = pool.take(one()).unwrap();
            aborted.extend(permit.settle(&number).aborted);
            permits.push(permit);
        }
        assert_eq!(aborted, (0..17).collect::<Vec<_>>(), "one lives, and 32 are closing");
        drop(permits);
        assert_eq!((pool.total(), pool.keys()), (0, 0));
    }

    #[test]
    fn a_limit_that_is_none_is_one() {
        let pool = Arc::new(Pool::<u32>::new(Some(usize::MAX)));
        assert_eq!(pool.take(Vec::new()).unwrap().1, None);
    }

    #[test]
    fn the_mark_is_announced_once_a_crossing() {
        let pool = Arc::new(Pool::<u32>::new(Some(10)));
        let mut permits = Vec::new();
        let announced: Vec<bool> = (0..10)
            .map(|_| {
                let (permit, crossed) = pool.take(Vec::new()).unwrap();
                permits.push(permit);
                crossed.is_some()
            })
            .collect();
        assert_eq!(announced.iter().filter(|crossed| **crossed).count(), 1);
        assert!(announced[8]);
        permits.truncate(8);
        let (permit, crossed) = pool.take(Vec::new()).unwrap();
        assert_eq!(crossed, None, "it was not below eight tenths");
        permits.push(permit);
        permits.truncate(7);
        permits.push(pool.take(Vec::new()).unwrap().0);
        assert!(pool.take(Vec::new()).unwrap().1.is_some());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(u8, bool),
        Settle(usize),
        Join(usize, u8),
        Leave(usize),
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3_u8, any::<bool>()).prop_map(|(name, evict)| Step::Take(name, evict)),
            2 => any::<usize>().prop_map(Step::Settle),
            1 => (any::<usize>(), 0..3_u8).prop_map(|(at, name)| Step::Join(at, name)),
            1 => any::<usize>().prop_map(Step::Leave),
            3 => any::<usize>().prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_limits_hold_and_nothing_is_left(steps in prop::collection::vec(step(), 1..200)) {
            let pool = Arc::new(Pool::<u32>::new(Some(12)));
            let named = |name: u8| key(&name.to_string());
            let limit = |evict: bool| if evict { Limit::new(2).evict_oldest() } else { Limit::new(2) };
            let mut permits = Vec::new();
            for (number, step) in (0_u32..).zip(steps) {
                let at = |at: usize, len: usize| at % len.max(1);
                match step {
                    Step::Take(name, evict) => {
                        let taken = pool.take(vec![(named(name), limit(evict))]);
                        prop_assert!(evict || taken.is_err() || pool.seats(&named(name)) <= 2);
                        permits.extend(taken.ok());
                    }
                    Step::Settle(which) => {
                        let len = permits.len();
                        if let Some((permit, _)) = permits.get(at(which, len)) { permit.settle(&number); }
                    }
                    Step::Join(which, name) => {
                        let len = permits.len();
                        if let Some((permit, _)) = permits.get(at(which, len)) {
                            let _full_or_not = permit.join(named(name), limit(false), &number);
                        }
                    }
                    Step::Leave(which) => {
                        let len = permits.len();
                        if let Some((permit, _)) = permits.get(at(which, len)) { permit.leave(&named(0)); }
                    }
                    Step::Drop(which) => {
                        if !permits.is_empty() { permits.swap_remove(at(which, permits.len())); }
                    }
                }
                prop_assert!(pool.total() == permits.len() && pool.total() <= 12);
            }
            drop(permits);
            prop_assert_eq!((pool.total(), pool.keys()), (0, 0));
        }
    }

    #[test]
    fn many_at_once_take_exactly_what_there_is() {
        let pool = Arc::new(Pool::<u32>::new(Some(100)));
        let keys = || vec![(key("a"), Limit::new(70)), (key("b"), Limit::new(1000))];
        let take = || (0..1250).filter_map(|_| pool.take(keys()).ok()).collect::<Vec<_>>();
        let permits: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(permits.len(), 70);
    }
}
