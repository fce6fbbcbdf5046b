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
    entry::{Done, Entry, What},
    minutes::Minutes,
};

/// How many events of each group are kept with their reasons.
const LAST: usize = 100;
/// How many labels are counted separately; the others are counted as one.
const LABELS: usize = 128;
/// The label of all others.
const OTHERS: Label = ("other", "");

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Refused,
    WouldRefuse,
    Failed,
    Violated,
    Closed,
}

/// A kind, and for closes and violations who or what.
pub(crate) type Label = (&'static str, &'static str);

/// What has happened since the console was made.
pub(crate) struct History {
    connections: Connections,
    began: Instant,
    /// Locked for a count and a push.
    seen: Mutex<Seen>,
}

/// What is kept of it.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// Grows with everything that happens.
    pub(crate) version: u64,
    pub(crate) counts: BTreeMap<(Group, Label), Minutes>,
    pub(crate) opened: Minutes,
    /// The most connections of each minute.
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

    /// The minute that it is, since the beginning.
    pub(crate) fn minute(&self) -> u64 {
        now().saturating_duration_since(self.began).as_secs() / 60
    }

    /// A copy, to be shown where nothing is locked.
    pub(crate) fn seen(&self) -> Seen {
        self.note_live();
        self.lock().clone()
    }

    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// The most connections at once.
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

fn push(entries: &mut VecDeque<Entry>, what: What) {
    let at = SystemTime::now();
    match entries.front_mut() {
        Some(last) if last.what == what => (last.at, last.times) = (at, last.times + 1),
        _ => entries.push_front(Entry { at, times: 1, what }),
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
                let what = What {
                    kind,
                    by: if *plain { "plain" } else { "handshake" },
                    status: Some(status.as_u16()),
                    reason: What::shorten(sentence),
                    client: *client,
                    subject: subject.cloned(),
                };
                let mut seen = self.lock();
                let group = if *report_only { Group::WouldRefuse } else { Group::Refused };
                seen.count(group, (kind, ""), minute, 1);
                push(if *report_only { &mut seen.would_refuse } else { &mut seen.refused }, what);
            }
            Event::Failed { reason, .. } => self.lock().count(Group::Failed, (reason, ""), minute, 1),
            Event::Violated { policy, action, times, .. } => {
                self.lock().count(Group::Violated, (policy, action), minute, *times);
            }
            Event::Closed { peer, code, ended, .. } => {
                let reason = ended.frame.as_ref().map(|frame| What::shorten(frame.reason())).unwrap_or_default();
                let by = ended.by.as_str();
                let what =
                    What { kind: code, by, status: None, reason, client: peer.client, subject: peer.subject.cloned() };
                let mut seen = self.lock();
                seen.count(Group::Closed, (code, by), minute, 1);
                push(&mut seen.closed, what);
            }
            _ => {}
        }
    }
}
