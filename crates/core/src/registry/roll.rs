//! The connections of a shard, in the order of their ids.
//!
//! Ids are given out in turn, so a newcomer most often stands last. What is removed leaves a gap, and gaps are closed
//! together: a list in order is found in by bisection, and has less room to spare than a hash table.

use crate::{connection::Connection, id::ConnectionId};

/// Room that is not given back. Where a few connections come and go, it would be needed again at once.
const ROOM: usize = 16;

/// Connections by id.
#[derive(Default)]
pub(super) struct Roll {
    places: Vec<(ConnectionId, Option<Connection>)>,
    gaps: usize,
}

impl Roll {
    pub(super) fn get(&self, id: ConnectionId) -> Option<&Connection> {
        let at = self.find(id).ok()?;
        self.places[at].1.as_ref()
    }

    /// Adds a connection. Returns whether it was not there.
    pub(super) fn insert(&mut self, id: ConnectionId, connection: Connection) -> bool {
        let at = match self.places.last() {
            // The handshake of a later one was faster.
            Some((last, _)) if *last >= id => self.find(id),
            _ => Err(self.places.len()),
        };
        match at {
            Ok(at) if self.places[at].1.is_some() => return false,
            Ok(at) => {
                self.gaps -= 1;
                self.places[at].1 = Some(connection);
            }
            Err(at) => {
                self.make_room();
                self.places.insert(at, (id, Some(connection)));
            }
        }
        true
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let at = self.find(id).ok()?;
        let removed = self.places[at].1.take()?;
        self.gaps += 1;
        // So few that moving the others costs each removal only a few moves.
        if self.gaps > self.places.len() / 4 + 8 {
            self.places.retain(|(_, connection)| connection.is_some());
            self.gaps = 0;
            self.places.shrink_to(ROOM.max(2 * self.places.len()));
        }
        Some(removed)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.places.iter().filter_map(|(_, connection)| connection.as_ref())
    }

    fn find(&self, id: ConnectionId) -> Result<usize, usize> {
        self.places.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn make_room(&mut self) {
        if self.places.len() == self.places.capacity() {
            // Doubling would leave half of it empty.
            self.places.reserve_exact(self.places.len() / 8 + 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use tokio::{io::duplex, runtime::Runtime};

    use super::*;
    use crate::{io::GuardedIo, settings::Settings};

    proptest! {
        #[test]
        fn it_holds_what_a_map_holds(steps in prop::collection::vec((any::<bool>(), 0..40_usize), 0..400)) {
            let runtime = Runtime::new().unwrap();
            let _entered = runtime.enter();
            let all: Vec<_> = (0..40).map(|_| GuardedIo::new(duplex(1).1, &Settings::default(), Vec::new()).1).collect();
            let (mut roll, mut map) = (Roll::default(), BTreeMap::new());
            for (comes, which) in steps {
                let (id, connection) = (all[which].id(), &all[which]);
                if comes {
                    let inserted = roll.insert(id, connection.clone());
                    prop_assert_eq!(inserted, map.insert(id, connection).is_none());
                } else {
                    let removed = roll.remove(id).map(|removed| removed.id());
                    prop_assert_eq!(removed, map.remove(&id).map(Connection::id));
                }
                prop_assert_eq!(roll.get(id).is_some(), map.contains_key(&id));
                prop_assert!(roll.iter().map(Connection::id).eq(map.keys().copied()));
            }
        }
    }

    #[tokio::test]
    async fn room_is_given_back() {
        let (_guarded, connection) = GuardedIo::new(duplex(1).1, &Settings::default(), Vec::new());
        let ids: Vec<_> = (0..1000).map(|_| ConnectionId::next()).collect();
        let mut roll = Roll::default();
        for id in &ids {
            roll.insert(*id, connection.clone());
        }
        assert!(roll.places.capacity() <= 1258, "{}", roll.places.capacity());
        for id in &ids {
            roll.remove(*id).unwrap();
        }
        assert!(roll.places.capacity() <= 32, "{}", roll.places.capacity());
    }
}
