//! Refusals and closes: counts of the last hour, and the latest ones with their reasons.

use std::collections::VecDeque;

use serde::Serialize;

use super::millis;
use crate::{
    history::{Done, Entry, Group, Seen},
    mask::Mask,
    state::State,
};

/// The history of the last hour.
#[derive(Serialize)]
pub(crate) struct Refusals {
    version: u64,
    /// Per minute, oldest first.
    opened: Vec<u32>,
    /// The peak number of connections in each minute.
    live: Vec<u32>,
    refused: Vec<Counted>,
    would_refuse: Vec<Counted>,
    failed: Vec<Counted>,
    violated: Vec<Counted>,
    closed: Vec<Counted>,
    last: Last,
}

/// A kind and its counts.
#[derive(Serialize)]
struct Counted {
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    by: &'static str,
    total: u64,
    minutes: Vec<u32>,
}

/// The last hundred of each, newest first.
#[derive(Serialize)]
struct Last {
    refused: Vec<Recent>,
    would_refuse: Vec<Recent>,
    closed: Vec<Recent>,
    actions: Vec<ActionTaken>,
}

#[derive(Serialize)]
struct Recent {
    at_ms: u64,
    times: u64,
    kind: &'static str,
    by: &'static str,
    status: Option<u16>,
    reason: String,
    subject: Option<String>,
    client_ip: Option<String>,
}

#[derive(Serialize)]
struct ActionTaken {
    at_ms: u64,
    operator: String,
    action: &'static str,
    target: String,
    result: String,
}

/// Shows the history.
pub(crate) fn refusals(state: &State) -> Refusals {
    let (seen, minute, mask) = (state.history.seen(), state.history.minute(), &state.settings.mask);
    let of = |group| counted(&seen, group, minute);
    Refusals {
        version: seen.version,
        opened: seen.opened.up_to(minute),
        live: seen.live.up_to(minute),
        refused: of(Group::Refused),
        would_refuse: of(Group::WouldRefuse),
        failed: of(Group::Failed),
        violated: of(Group::Violated),
        closed: of(Group::Closed),
        last: Last {
            refused: last(&seen.refused, mask),
            would_refuse: last(&seen.would_refuse, mask),
            closed: last(&seen.closed, mask),
            actions: seen.done.iter().map(|done| action(done, mask)).collect(),
        },
    }
}

/// The kinds of a group within the last hour, the most frequent first.
fn counted(seen: &Seen, group: Group, minute: u64) -> Vec<Counted> {
    let of_group = seen.counts.iter().filter(|((of, _), _)| *of == group);
    let shown = of_group.map(|((_, (kind, by)), counts)| {
        let minutes = counts.up_to(minute);
        Counted { kind, by, total: minutes.iter().map(|count| u64::from(*count)).sum(), minutes }
    });
    let mut shown: Vec<_> = shown.filter(|counted| counted.total > 0).collect();
    shown.sort_by_key(|counted| std::cmp::Reverse(counted.total));
    shown
}

fn last(entries: &VecDeque<Entry>, mask: &Mask) -> Vec<Recent> {
    let recent = |Entry { at, times, event }: &Entry| Recent {
        at_ms: millis(*at),
        times: *times,
        kind: event.kind,
        by: event.by,
        status: event.status,
        reason: event.reason.clone(),
        subject: event.subject.as_ref().map(|subject| mask.subject(subject).name()),
        client_ip: event.client.map(|client| mask.address(client)),
    };
    entries.iter().map(recent).collect()
}

fn action(done: &Done, mask: &Mask) -> ActionTaken {
    ActionTaken {
        at_ms: millis(done.at),
        operator: done.operator.clone(),
        action: done.action,
        target: done.target.shown(mask) + &done.with,
        result: done.result.clone(),
    }
}
