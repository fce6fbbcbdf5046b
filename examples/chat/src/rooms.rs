//! Rooms: their members, their latest messages, and their delivery. Everything is bounded.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::{name::Name, session::now};

const MAX_ROOMS: usize = 32;
const MAX_SEATS: usize = 64;
const MAX_HISTORY: usize = 20;
/// How many events a connection may lag behind before it is closed.
const MAX_LAG: usize = 64;

/// All rooms that have members. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Name, Room>>>);

struct Room {
    events: Sender<Arc<str>>,
    history: VecDeque<Arc<str>>,
    /// The members, and the number of their connections.
    members: BTreeMap<Name, usize>,
}

/// An event that all members of a room receive, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    Said { name: &'a Name, text: &'a str, at: u64 },
    Members { names: Vec<&'a Name> },
}

impl Event<'_> {
    fn to_json(&self) -> Arc<str> {
        serde_json::to_string(self).expect("an event can be serialized").into()
    }
}

/// The room is full, or there are too many rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Rooms {
    /// Takes a seat in a room, which is created if necessary.
    pub(crate) fn enter(&self, room: Name, who: Name) -> Result<Seat, Full> {
        let mut rooms = self.lock();
        if !rooms.contains_key(&room) && rooms.len() >= MAX_ROOMS {
            return Err(Full);
        }
        let entered = rooms.entry(room.clone()).or_insert_with(Room::new);
        if entered.members.values().sum::<usize>() >= MAX_SEATS {
            return Err(Full);
        }
        *entered.members.entry(who.clone()).or_default() += 1;
        let (events, history) = (entered.events.subscribe(), entered.history.iter().cloned().collect());
        entered.announce();
        Ok(Seat { rooms: self.clone(), room, who, events, history })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn new() -> Self {
        Self { events: Sender::new(MAX_LAG), history: VecDeque::new(), members: BTreeMap::new() }
    }

    fn say(&mut self, name: &Name, text: &str) {
        let event = Event::Said { name, text, at: now() }.to_json();
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(event.clone());
        self.send(event);
    }

    fn announce(&self) {
        self.send(Event::Members { names: self.members.keys().collect() }.to_json());
    }

    fn send(&self, event: Arc<str>) {
        // This fails only if the last member is leaving.
        let _receivers = self.events.send(event);
    }
}

/// A connection's seat in a room, which is freed when it is dropped.
pub(crate) struct Seat {
    rooms: Rooms,
    room: Name,
    who: Name,
    events: Receiver<Arc<str>>,
    /// The latest messages, from before it was taken.
    pub(crate) history: Vec<Arc<str>>,
}

impl Seat {
    /// The member whose seat it is.
    pub(crate) fn who(&self) -> &Name {
        &self.who
    }

    /// Sends a message to all members of the room.
    pub(crate) fn say(&self, text: &str) {
        if let Some(room) = self.rooms.lock().get_mut(&self.room) {
            room.say(&self.who, text);
        }
    }

    /// Whether a user is in the same room.
    pub(crate) fn is_with(&self, name: &Name) -> bool {
        self.rooms.lock().get(&self.room).is_some_and(|room| room.members.contains_key(name))
    }

    /// Receives the next event. Cancel safe.
    pub(crate) async fn next_event(&mut self) -> Result<Arc<str>, broadcast::error::RecvError> {
        self.events.recv().await
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(&self.room) else { return };
        match room.members.get_mut(&self.who) {
            Some(seats) if *seats > 1 => *seats -= 1,
            _ => drop(room.members.remove(&self.who)),
        }
        if room.members.is_empty() {
            rooms.remove(&self.room);
        } else {
            room.announce();
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis::IntoClose;

    use super::*;
    use crate::talk::TalkError;

    fn name(text: impl Into<String>) -> Name {
        Name::try_from(text.into()).unwrap()
    }

    #[tokio::test]
    async fn a_client_that_lags_behind_is_closed_with_1013() {
        let rooms = Rooms::default();
        let mut slow = rooms.enter(name("lobby"), name("slow")).unwrap();
        (0..=MAX_LAG).for_each(|_| slow.say("faster!"));
        let error = TalkError::from(slow.next_event().await.unwrap_err());
        assert_eq!(error.into_close().to_string(), "1013 you read too slowly");
    }

    #[test]
    fn rooms_and_seats_are_limited_and_freed() {
        let rooms = Rooms::default();
        let open: Vec<_> = (0..MAX_ROOMS).map(|n| rooms.enter(name(format!("room-{n}")), name("a")).unwrap()).collect();
        assert_eq!(rooms.enter(name("lobby"), name("a")).err(), Some(Full));
        drop(open);
        let seated: Vec<_> = (0..MAX_SEATS).map(|_| rooms.enter(name("lobby"), name("a")).unwrap()).collect();
        assert_eq!(rooms.enter(name("lobby"), name("b")).err(), Some(Full));
        drop(seated);
        assert!(rooms.lock().is_empty());
    }

    #[test]
    fn the_history_is_bounded() {
        let rooms = Rooms::default();
        let seat = rooms.enter(name("lobby"), name("a")).unwrap();
        (0..100).for_each(|number| seat.say(&number.to_string()));
        let history = rooms.enter(name("lobby"), name("b")).unwrap().history.clone();
        assert_eq!(history.len(), MAX_HISTORY);
        assert!(history[0].contains("\"80\""), "{}", history[0]);
    }
}
