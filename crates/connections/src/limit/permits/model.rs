//! The same rules, written down without a thought for cost: lists that are walked.

use super::{Evicted, Full, Key};
use crate::limit::Limit;

/// A pool whose permits are numbers.
#[derive(Debug, Default)]
pub(super) struct Model {
    max: usize,
    permits: Vec<(usize, Vec<(Key, Limit)>)>,
    /// In the order in which they were taken; what has a connection has begun.
    taken: Vec<(Key, usize, Option<u32>)>,
    /// In the order in which they were evicted.
    closing: Vec<(Key, usize, u32)>,
    /// They are not waited for any longer, and have not ended.
    aborted: Vec<(Key, usize)>,
}

impl Model {
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    pub(super) fn take(&mut self, permit: usize, keys: Vec<(Key, Limit)>) -> Result<(), Full> {
        if self.permits.len() >= self.max {
            return Err(Full::Server);
        }
        if let Some((key, _)) = keys.iter().find(|(key, limit)| !self.has_room(key, *limit)) {
            return Err(Full::Of(key.clone()));
        }
        self.taken.extend(keys.iter().map(|(key, _)| (key.clone(), permit, None)));
        self.permits.push((permit, keys));
        Ok(())
    }

    pub(super) fn settle(&mut self, permit: usize, connection: u32) -> Evicted<u32> {
        let mut evicted = Evicted::default();
        for (key, limit) in self.held(permit).clone() {
            self.seat(permit, &key, limit, connection, &mut evicted);
        }
        evicted
    }

    pub(super) fn join(
        &mut self,
        permit: usize,
        key: Key,
        limit: Limit,
        connection: u32,
    ) -> Result<Evicted<u32>, Full> {
        let mut evicted = Evicted::default();
        if self.held(permit).iter().any(|(held, _)| *held == key) {
            return Ok(evicted);
        }
        if !self.has_room(&key, limit) {
            return Err(Full::Of(key));
        }
        self.taken.push((key.clone(), permit, None));
        self.seat(permit, &key, limit, connection, &mut evicted);
        self.held(permit).push((key, limit));
        Ok(evicted)
    }

    pub(super) fn leave(&mut self, permit: usize, key: &Key) {
        self.held(permit).retain(|(held, _)| held != key);
        self.taken.retain(|(of, holder, _)| of != key || *holder != permit);
        self.closing.retain(|(of, holder, _)| of != key || *holder != permit);
        self.aborted.retain(|(of, holder)| of != key || *holder != permit);
    }

    pub(super) fn end(&mut self, permit: usize) {
        for (key, _) in self.held(permit).clone() {
            self.leave(permit, &key);
        }
        self.permits.retain(|(holder, _)| *holder != permit);
    }

    pub(super) fn total(&self) -> usize {
        self.permits.len()
    }

    fn held(&mut self, permit: usize) -> &mut Vec<(Key, Limit)> {
        &mut self.permits.iter_mut().find(|(holder, _)| *holder == permit).expect("the permit lives").1
    }

    fn count(&self, key: &Key, wanted: impl Fn(Option<u32>) -> bool) -> usize {
        self.taken.iter().filter(|(of, _, connection)| of == key && wanted(*connection)).count()
    }

    fn has_room(&self, key: &Key, limit: Limit) -> bool {
        let pending = self.count(key, |connection| connection.is_none());
        let aborted = self.aborted.iter().filter(|(of, _)| of == key).count();
        let replaces = pending < limit.max.max(8) && aborted < limit.max.max(32);
        self.count(key, |_| true) < limit.max || (limit.evict && limit.max > 0 && replaces)
    }

    fn seat(&mut self, permit: usize, key: &Key, limit: Limit, connection: u32, evicted: &mut Evicted<u32>) {
        for (of, holder, seated) in &mut self.taken {
            if of == key && *holder == permit {
                *seated = Some(connection);
            }
        }
        while limit.evict && self.count(key, |connection| connection.is_some()) > limit.max {
            let oldest =
                |(of, holder, seated): &(Key, usize, Option<u32>)| of == key && *holder != permit && seated.is_some();
            let Some((key, holder, Some(connection))) =
                self.taken.iter().position(oldest).map(|at| self.taken.remove(at))
            else {
                break;
            };
            evicted.closing.push(connection);
            self.closing.push((key, holder, connection));
        }
        while limit.evict && self.closing.iter().filter(|(of, ..)| of == key).count() > limit.max.max(32) {
            let first = self.closing.iter().position(|(of, ..)| of == key).expect("there are more than 32");
            let (key, holder, connection) = self.closing.remove(first);
            evicted.aborted.push(connection);
            self.aborted.push((key, holder));
        }
    }
}
