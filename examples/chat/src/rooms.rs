//! Rooms: their members, their latest messages, and how these are delivered. Everything has a bound.

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

/// All rooms that have members. Clones are the same rooms.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Name, Room>>>);

struct Room {
    voice: Sender<Arc<str>>,
    history: VecDeque<Arc<str>>,
    /// Who is there, and with how many connections.
    members: BTreeMap<Name, usize>,
}

/// What all members of a room hear, as JSON.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    Said { name: &'a Name, text: &'a str, at: u64 },
    Members { names: Vec<&'a Name> },
}

impl Event<'_> {
    fn to_json(&self) -> Arc<str> {
        serde_json::to_string(self).expect("an event has nothing in it that is not JSON").into()
    }
}

/// There is no room, or none in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Rooms {
    /// Takes a seat in a room, which comes to be if it is not there.
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
        let (ears, history) = (entered.voice.subscribe(), entered.history.iter().cloned().collect());
        entered.announce();
        Ok(Seat { rooms: self.clone(), room, who, ears, history })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn new() -> Self {
        Self { voice: Sender::new(MAX_LAG), history: VecDeque::new(), members: BTreeMap::new() }
    }

    fn say(&mut self, name: &Name, text: &str) {
        let event = Event::Said { name, text, at: now() }.to_json();
        if self.history.len() >= MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(event.clone());
        self.tell(event);
    }

    fn announce(&self) {
        self.tell(Event::Members { names: self.members.keys().collect() }.to_json());
    }

    fn tell(&self, event: Arc<str>) {
        // There is no member left to hear it only if the last one is leaving.
        let _heard_by = self.voice.send(event);
    }
}

/// One connection's place in a room, left when it is dropped.
pub(crate) struct Seat {
    rooms: Rooms,
    room: Name,
    who: Name,
    ears: Receiver<Arc<str>>,
    /// What was said before.
    pub(crate) history: Vec<Arc<str>>,
}

impl Seat {
    /// Whose it is.
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

    /// What is to be heard next. Cancel safe.
    pub(crate) async fn hear(&mut self) -> Result<Arc<str>, broadcast::error::RecvError> {
        self.ears.recv().await
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
    async fn who_lags_behind_is_told_to_come_later() {
        let rooms = Rooms::default();
        let mut slow = rooms.enter(name("lobby"), name("slow")).unwrap();
        (0..=MAX_LAG).for_each(|_| slow.say("faster!"));
        let error = TalkError::from(slow.hear().await.unwrap_err());
        assert_eq!(error.into_close().to_string(), "1013 you read too slowly");
    }

    #[test]
    fn rooms_and_seats_have_an_end_and_are_freed() {
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
    fn what_is_remembered_is_bounded() {
        let rooms = Rooms::default();
        let seat = rooms.enter(name("lobby"), name("a")).unwrap();
        (0..100).for_each(|number| seat.say(&number.to_string()));
        let history = rooms.enter(name("lobby"), name("b")).unwrap().history.clone();
        assert_eq!(history.len(), MAX_HISTORY);
        assert!(history[0].contains("\"80\""), "{}", history[0]);
    }
}
