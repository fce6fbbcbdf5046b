//! Takes a permit of each key or none, one key after the other.
//!
//! The keys of one handshake may be on different servers, so no script can take them together. They are taken in order,
//! and if one is full, those before it are given back. For that moment they count: a handshake that is refused may, for
//! a round trip, keep another one out.
//!
//! What is taken so far belongs to [`Taking`], whose `Drop` gives it back. A handshake is a future, and its client may
//! go at any `await`: there is no place in which to clean up but a destructor.
//!
//! A key that is full may be full of dead ones. The script answers with the incarnations that have its permits, and
//! this node compares them with those it knows to live. If some are over, the same script is sent again with their
//! names, and removes them first. So nothing has to be swept when a node dies, and the usual case is one round trip.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use portcullis_core::{
    clock::now,
    shared::{Deadline, Name, OnGone, PermitRequest, WhenFull},
};

use super::{LIFE, local_permits::Recorded, message::member, permit::Permit};
use crate::{
    lock::lock,
    node::{NoAnswer, Node, Session},
    places::{self, Place},
    reading::Readable,
    script::{self, Call},
};

/// Why there is no permit.
pub(crate) enum TakeError {
    /// There is none of this key, of those that were asked for.
    Full(usize),
    /// The store did not say.
    NoAnswer,
}

/// Takes a permit of each key, or none: in order, and what was taken is given back where a later one is full.
pub(crate) async fn take(
    node: &Arc<Node>,
    wanted: &[PermitRequest],
    by: Deadline,
    on_gone: OnGone,
) -> Result<Permit, TakeError> {
    let Some(session) = node.session() else { return Err(TakeError::NoAnswer) };
    let on_gone = once(on_gone);
    let mut taking = Taking::new(node, session.incarnation);
    for (at, one) in wanted.iter().enumerate() {
        let full = match one.when_full {
            // It has room, or makes some when it is settled.
            WhenFull::EvictOldest => one.max == 0,
            WhenFull::Refuse if one.pool => !taking.place(&session, one, by).await?,
            WhenFull::Refuse => !taking.permit(&session, one, by).await?,
        };
        if full {
            return Err(TakeError::Full(at));
        }
    }
    // Before the connection is admitted: this process may have stood still for longer than its lease.
    if !node.is_current(&session) {
        return Err(TakeError::NoAnswer);
    }
    Ok(taking.finish(wanted, on_gone))
}

/// A permit that was taken without asking the store. The store is told of it as soon as it can be, whether or not there
/// is room: the connection is there, and must count.
pub(crate) fn keep(node: &Arc<Node>, wanted: &[PermitRequest], on_gone: OnGone) -> Permit {
    let (number, incarnation, since) = (lock(&node.held).begin(), 0, now());
    let on_gone = once(on_gone);
    let places = wanted.iter().filter(|one| one.pool).map(|one| places::keep(node, one)).collect();
    {
        let mut held = lock(&node.held);
        for one in wanted.iter().filter(|one| !one.pool && one.when_full == WhenFull::Refuse) {
            held.insert(one.name, number, Recorded::No, since, on_gone.clone());
        }
        held.end(number);
    }
    node.unsaid();
    Permit::new(node, number, incarnation, wanted, places, on_gone)
}

/// A connection may have to make room in several of its keys, and lose its lease after that. It is told the first time.
fn once(on_gone: OnGone) -> OnGone {
    let told = AtomicBool::new(false);
    Arc::new(move |why| {
        if !told.swap(true, Ordering::Relaxed) {
            on_gone(why);
        }
    })
}

/// Permits that are being taken. What is dropped here is given back.
struct Taking<'a> {
    node: &'a Arc<Node>,
    /// The number that all permits of the connection have.
    number: u64,
    /// Whose they are in the store: that of the session, which may be over when they are granted.
    incarnation: u64,
    /// The key that is being asked for.
    asked: Option<Name>,
    taken: Vec<(Name, u64)>,
    places: Vec<Place>,
}

impl<'a> Taking<'a> {
    fn new(node: &'a Arc<Node>, incarnation: u64) -> Self {
        let number = lock(&node.held).begin();
        Self { node, number, incarnation, asked: None, taken: Vec::new(), places: Vec::new() }
    }

    async fn permit(&mut self, session: &Session, wanted: &PermitRequest, by: Deadline) -> Result<bool, TakeError> {
        // Before anything is sent. If this future is dropped at the next `await`, the store may have granted it.
        self.asked = Some(wanted.name);
        let mut over = Vec::new();
        let score = loop {
            let key = self.node.settings.keys.permits(wanted.name);
            let call = Call::new(&script::TAKE).key(&key).arg(member(self.incarnation, self.number));
            let call = call.arg(wanted.max).arg(life()).args(&over);
            let (time, Readable(holders)): (String, _) = self.node.ask_known(session, by, call).await?;
            if let Ok(score) = time.parse() {
                break score;
            }
            // Asked twice at most: dead ones are named once, and if the key is full after that, it is full of live
            // ones.
            over = if over.is_empty() { session.view.over(holders) } else { Vec::new() };
            if over.is_empty() {
                self.asked = None;
                return Ok(false);
            }
        };
        self.asked = None;
        self.taken.push((wanted.name, score));
        Ok(true)
    }

    async fn place(&mut self, session: &Session, wanted: &PermitRequest, by: Deadline) -> Result<bool, TakeError> {
        let place = places::take(self.node, session, wanted, by).await?;
        let taken = place.is_some();
        self.places.extend(place);
        Ok(taken)
    }

    fn finish(mut self, wanted: &[PermitRequest], on_gone: OnGone) -> Permit {
        let since = now();
        // What is held is entered before the number is ended, which `Drop` does: in between, a statement of the key
        // would not know of the permit, and the store would remove it.
        {
            let mut held = lock(&self.node.held);
            for (name, score) in std::mem::take(&mut self.taken) {
                held.insert(name, self.number, Recorded::At(score), since, on_gone.clone());
            }
        }
        let places = std::mem::take(&mut self.places);
        Permit::new(self.node, self.number, self.incarnation, wanted, places, on_gone)
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        lock(&self.node.held).end(self.number);
        // One that was asked for is released twice, after beats: the request may be behind this release. Those that
        // were granted are known to be there, and are released at once.
        if let Some(name) = self.asked {
            lock(&self.node.releases).given_up(name, self.incarnation, self.number);
            self.node.note(|events| events.given_up += 1);
        }
        for (name, _) in &self.taken {
            lock(&self.node.releases).now(*name, self.incarnation, self.number);
        }
        if !self.taken.is_empty() {
            self.node.work.notify_one();
        }
    }
}

impl From<NoAnswer> for TakeError {
    fn from(_: NoAnswer) -> Self {
        Self::NoAnswer
    }
}

pub(super) fn life() -> u64 {
    u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX)
}
