//! The events that the console observes, and what it keeps of them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use portcullis_core::{
    Connections,
    clock::now,
    observe::{Event, Observer},
};

use super::{
    entry::{Done, Entry, Recorded},
    minutes::Minutes,
};

/// How many events of each group are kept with their reasons.
const LAST: usize = 100;
/// How many labels are counted separately; the others are counted as one.
const LABELS: usize = 128;
/// The label of all others.
const OTHERS: Label = ("other", "");

/// The groups that are counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Refused,
    WouldRefuse,
    Failed,
    Violated,
    Closed,
}

/// A kind, and for closes and violations which side or which action.
pub(crate) type Label = (&'static str, &'static str);

/// What has happened since the console was created.
pub(crate) struct History {
    connections: Connections,
    began: Instant,
    /// Locked for a count and a push.
    seen: Mutex<Seen>,
}

/// The part of the history behind the lock.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// Incremented with every event.
    pub(crate) version: u64,
    pub(crate) counts: BTreeMap<(Group, Label), Minutes>,
    pub(crate) opened: Minutes,
    /// The peak number of connections in each minute.
    pub(crate) live: Minutes,
    pub(crate) peak: usize,
    pub(crate) refused: VecDeque<Entry>,
    pub(crate) would_refuse: VecDeque<Entry>,
    pub(crate) closed: VecDeque<Entry>,
    pub(crate) done: VecDeque<Done>,
}

impl History {
    pub(crate) fn new(connections: Connections) -> Self {
        Self { connections, began: now(), seen: Mutex::default() }
    }

    /// The current minute, counted from the creation of the console.
    pub(crate) fn minute(&self) -> u64 {
        now().saturating_duration_since(self.began).as_secs() / 60
    }

    /// A copy, which is rendered without holding the lock.
    pub(crate) fn seen(&self) -> Seen {
        self.note_live();
        self.lock().clone()
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// The peak number of connections.
    pub(crate) fn peak(&self) -> usize {
        self.note_live();
        self.lock().peak
    }

    pub(crate) fn note_done(&self, done: Done) {
        let mut seen = self.lock();
        seen.version += 1;
        seen.done.push_front(done);
        seen.done.truncate(LAST);
    }

    fn note_live(&self) {
        let (live, minute) = (self.connections.count(), self.minute());
        let mut seen = self.lock();
        seen.live.raise(minute, live);
        seen.peak = seen.peak.max(live);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn count(&mut self, group: Group, label: Label, minute: u64, times: u64) {
        self.version += 1;
        let known = self.counts.len() < LABELS || self.counts.contains_key(&(group, label));
        let label = if known { label } else { OTHERS };
        self.counts.entry((group, label)).or_default().add(minute, times);
    }
}

fn push(entries: &mut VecDeque<Entry>, event: Recorded) {
    let at = SystemTime::now();
    match entries.front_mut() {
        Some(last) if last.event == event => (last.at, last.times) = (at, last.times + 1),
        _ => entries.push_front(Entry { at, times: 1, event }),
    }
    entries.truncate(LAST);
}

impl Observer for History {
    fn observe(&self, event: &Event<'_>) {
        let minute = self.minute();
        match event {
            Event::Opened => {
                self.note_live();
                self.lock().opened.add(minute, 1);
            }
            Event::Refused { plain, kind, status, sentence, report_only, client, subject, .. } => {
                let refused = Recorded {
                    kind,
                    by: if *plain { "plain" } else { "handshake" },
                    status: Some(status.as_u16()),
                    reason: Recorded::shorten(sentence),
                    client: *client,
                    subject: subject.cloned(),
                };
                let mut seen = self.lock();
                let group = if *report_only { Group::WouldRefuse } else { Group::Refused };
                seen.count(group, (kind, ""), minute, 1);
                push(if *report_only { &mut seen.would_refuse } else { &mut seen.refused }, refused);
            }
            Event::Failed { reason, .. } => self.lock().count(Group::Failed, (reason, ""), minute, 1),
            Event::Violated { policy, action, times, .. } => {
                self.lock().count(Group::Violated, (policy, action), minute, *times);
            }
            Event::Closed { peer, code, ended, .. } => {
                let reason = ended.frame.as_ref().map(|frame| Recorded::shorten(frame.reason())).unwrap_or_default();
                let by = ended.by.as_str();
                let (client, subject) = (peer.client, peer.subject.cloned());
                let closed = Recorded { kind: code, by, status: None, reason, client, subject };
                let mut seen = self.lock();
                seen.count(Group::Closed, (code, by), minute, 1);
                push(&mut seen.closed, closed);
            }
            _ => {}
        }
    }
}
