//! The permits of some keys, under one lock.
//!
//! A key's permits are pending while their handshakes are under way, seated once the connection has begun, and closing
//! when a newer connection has taken their place. Only pending and seated ones count towards a limit; closing ones have
//! a bound of their own, because a client that does not read could otherwise pile them up.
//!
//! ```text
//!              take                settle             evict                 evict
//!   handshake ------> pending ------------> seated ---------> closing -----------------> aborted
//!                        |                    |                  |    too many are          |
//!                        v                    v                  v    closing               v
//!                      leave                leave              leave                      leave
//! ```
//!
//! Every arrow is one critical section, and each state has a counter in its `Group`, so that a decision reads numbers
//! and never walks through connections. Which connection is the oldest is the first entry of a key in a search tree.
//! The tests count the entries that an operation compares with: their number grows with the logarithm of the
//! connections, also where one key has them all, which is what an attacker would choose.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{evicted::Evicted, key::Name, key_permits::KeyPermit, places::Places};
use crate::limit::Limit;

/// How many connections of one key may be closing at once, or as many as may live. Each takes the moment that its
/// handler has for its last answers, in which a browser opens all the tabs of its last session: those must read why
/// they were closed. As many may have been aborted, and not be over yet.
const CLOSING: usize = 32;

/// How many new connections of one key may be about to replace others at once, or as many as may live.
const PENDING: usize = 8;

/// The permits of some keys. All trees: growing a hash table would stop every key of the shard while it is copied.
#[derive(Debug)]
pub(super) struct Shard<C> {
    keys: BTreeMap<Name, Group>,
    /// Connections that have begun, by the number of their permit. Only those that may be evicted.
    seated: Places<C>,
    /// Connections that gave up their permit and have not ended yet, in the order in which they did, and their permit.
    closing: Places<(u64, C)>,
    /// Where a permit stands in `closing`.
    turns: Places<u64>,
    last: u64,
}

/// How many permits a key has, by state.
#[derive(Debug)]
struct Group {
    /// What the key is called in the places, which is shorter than its name.
    id: u64,
    /// Their handshakes are under way, or nothing of the layer is ever evicted.
    pending: u32,
    seated: u32,
    closing: u32,
    /// They were closing, and are not waited for any longer.
    aborted: u32,
}

impl<C> Default for Shard<C> {
    fn default() -> Self {
        let (seated, closing, turns) = (Places::default(), Places::default(), Places::default());
        Self { keys: BTreeMap::new(), seated, closing, turns, last: 0 }
    }
}

impl<C> Shard<C> {
    /// Where the oldest makes room, new connections have to wait for their own handshakes; for those that made room
    /// before and do not end though they were aborted, as an HTTP/2 stream may not for as long as its client likes, or
    /// else the whole server would fill up with them; and where work is limited, for the handlers of all that made
    /// room.
    pub(super) fn has_room(&self, name: Name, limit: Limit) -> bool {
        let Some(group) = self.keys.get(&name) else { return limit.max > 0 };
        let replacing = group.pending as usize + if limit.work { group.replaced() } else { 0 };
        let replaces = replacing < limit.max.max(PENDING) && (group.aborted as usize) < limit.max.max(CLOSING);
        group.taken() < limit.max || (limit.evict && limit.max > 0 && replaces)
    }

    /// Whether a permit's key has no more than its limit, or the oldest makes room.
    pub(super) fn is_within(&self, held: &KeyPermit) -> bool {
        held.evict || self.keys.get(&held.name).is_none_or(|group| group.taken() <= held.max())
    }

    pub(super) fn take(&mut self, name: Name, limit: Limit) -> KeyPermit {
        let (number, id) = (self.next(), self.next());
        let new = || Group { id, pending: 0, seated: 0, closing: 0, aborted: 0 };
        self.keys.entry(name).or_insert_with(new).pending += 1;
        KeyPermit::new(name, limit, number)
    }

    /// The connection has begun: beyond the limit, the oldest give up their permits. Returns what stood in its place.
    pub(super) fn settle(&mut self, held: &mut KeyPermit, connection: &C, evicted: &mut Evicted<C>) -> Option<C>
    where
        C: Clone,
    {
        // Nothing of this layer is ever evicted, so no connection has to be found again, and whether one has begun
        // makes no difference.
        if held.refuses {
            return None;
        }
        let group = self.keys.get_mut(&held.name)?;
        // Settled before, by a sign-in that came first. It keeps its place in the order; only the flag distinguishes
        // the two.
        let before = if held.settled {
            let seated = self.seated.get_mut(group.id, held.number);
            seated.map(|seated| std::mem::replace(seated, connection.clone()))
        } else {
            held.settled = true;
            group.pending -= 1;
            group.seated += 1;
            self.seated.insert(group.id, held.number, connection.clone())
        };
        if held.evict {
            // Not the new one itself, whose number the search leaves out: with a limit of one it would otherwise close
            // on arrival.
            self.evict(*held, evicted);
        }
        before
    }

    /// Frees a permit, wherever it stands. Returns its connection, to be dropped where nothing is locked.
    pub(super) fn leave(&mut self, held: &KeyPermit) -> Option<C> {
        let Entry::Occupied(mut entry) = self.keys.entry(held.name) else { return None };
        let group = entry.get_mut();
        // Exactly one counter goes down: the one for the state that the permit is in, which the trees show. An aborted
        // one is in no tree any more.
        let left = if !held.settled {
            group.pending -= 1;
            None
        } else if let Some(connection) = self.seated.remove(group.id, held.number) {
            group.seated -= 1;
            Some(connection)
        } else if let Some(turn) = self.turns.remove(group.id, held.number) {
            group.closing -= 1;
            self.closing.remove(group.id, turn).map(|(_, connection)| connection)
        } else {
            group.aborted -= 1;
            None
        };
        if group.is_empty() {
            entry.remove();
        }
        left
    }

    /// The oldest beyond the limit begin to close, and of those that are closing the first are aborted.
    fn evict(&mut self, newer: KeyPermit, evicted: &mut Evicted<C>)
    where
        C: Clone,
    {
        let (max, mut turn) = (newer.max(), self.last);
        let Some(group) = self.keys.get_mut(&newer.name) else { return };
        while group.seated as usize > max {
            let Some(oldest) = self.seated.first(group.id, newer.number) else { break };
            let Some(connection) = self.seated.remove(group.id, oldest) else { break };
            turn += 1;
            // Only cloned here, and closed by the caller once the shard is unlocked: a close locks the connection's
            // state.
            evicted.closing.push(connection.clone());
            self.closing.insert(group.id, turn, (oldest, connection));
            self.turns.insert(group.id, oldest, turn);
            group.seated -= 1;
            group.closing += 1;
        }
        // These have had their time, and their clients do not read. An abort does not wait for them.
        while group.closing as usize > max.max(CLOSING) {
            // No turn is zero.
            let Some(first) = self.closing.first(group.id, 0) else { break };
            let Some((number, connection)) = self.closing.remove(group.id, first) else { break };
            self.turns.remove(group.id, number);
            evicted.aborted.push(connection);
            group.closing -= 1;
            group.aborted += 1;
        }
        self.last = turn;
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// How many count towards the limit of a key.
    pub(super) fn taken(&self, name: Name) -> usize {
        self.keys.get(&name).map_or(0, Group::taken)
    }
}

impl Group {
    /// How many count towards the limit.
    fn taken(&self) -> usize {
        self.pending as usize + self.seated as usize
    }

    /// How many gave up their permits and still hold them.
    fn replaced(&self) -> usize {
        self.closing as usize + self.aborted as usize
    }

    fn is_empty(&self) -> bool {
        self.taken() == 0 && self.replaced() == 0
    }
}
