//! What a node knows of itself and of the others, as a plain state: no clock, no connection.
//!
//! All rules about leases, incarnations and lost data are here, as functions of what was answered and when, and are
//! tested without a server.
//!
//! [`Membership::cluster_state`] is computed and not stored, because the most important change comes without an event:
//! a lease runs out while the process stands still. The first thing that happens after that, whatever it is, sees it.
//! The states exclude each other in this order:
//!
//! | State | While |
//! | --- | --- |
//! | `Left` | the node has left, for good |
//! | `Joining` | no beat was ever answered |
//! | `Fenced` | the lease had run out, and what is held was not reported since |
//! | `Away` | there is no connection, the breaker is open, or the lease may be over by the node's own clock |
//! | `Recovering` | this node has not reported all that it holds, or the data is too young for what others hold |
//! | `Draining` | everything is well, and the node takes nothing more |
//! | `Joined` | limits count for all nodes |

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use super::beat::Beat;
use crate::health::ClusterState;

/// How many questions in a row go unanswered before no more are asked until the next beat is answered.
const MISSES: u32 = 3;

/// How many beats old the data must be before it admits any connection: by then all nodes have reported what they hold.
pub(crate) const BEATS: u32 = 3;

/// While the data is younger than this many leases, it admits none before all nodes have reported what they hold. A
/// node that has not done so by then is not waited for.
pub(crate) const LEASES: u32 = 20;

/// Who lived when the store was last heard of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// The incarnations that had a lease.
    alive: Vec<u64>,
    /// The last that was given out by then.
    newest: u64,
    /// How many of those that live take nothing more.
    draining: usize,
}

impl View {
    /// Of some incarnations, those that are over. One that is newer than this view may live.
    pub(crate) fn over(&self, incarnations: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let over = |incarnation: &u64| *incarnation <= self.newest && !self.alive.contains(incarnation);
        incarnations.into_iter().filter(over).collect()
    }

    /// How many take part: those that drain take nothing more.
    pub(crate) fn nodes(&self) -> usize {
        self.alive.len().saturating_sub(self.draining)
    }
}

/// What an answered beat means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The lease is renewed.
    Renewed,
    /// The node has a new incarnation, to which nothing belongs yet.
    Joined,
    /// The data is not what it was. The node has no incarnation.
    DataLost,
    /// The lease had run out. The node has no incarnation.
    Fenced,
}

/// What no beat changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is out of the ordinary.
    Member,
    /// The lease had run out, and what is held was not said since.
    Fenced,
    /// The node has given up its lease, and takes no other.
    Left,
}

/// How much of what is held was said to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    /// Not all since the incarnation began: others have to wait for it.
    New,
    /// Not what has happened since.
    Behind,
    All,
}

/// What is known, from the answers to all beats so far.
#[derive(Debug)]
pub(crate) struct Membership {
    /// How long a lease is, which is the same on all nodes.
    lease: Duration,
    /// How often it is renewed.
    beat: Duration,
    /// Zero if there is none.
    incarnation: u64,
    /// The nonce of the data. Empty before the first beat.
    boot: Arc<str>,
    /// Who lived at the last beat.
    view: Arc<View>,
    /// How many take part, or the number that the application has given.
    nodes: Option<NonZeroUsize>,
    /// Until when this node is sure of its lease.
    lease_until: Option<Instant>,
    /// When the data is old enough.
    ready_at: Option<Instant>,
    /// What is held was said to the store.
    said: Reported,
    connected: bool,
    phase: Phase,
    /// The server stops: nothing more is taken.
    drains: bool,
    misses: u32,
}

impl Membership {
    pub(crate) fn new(lease: Duration, beat: Duration, nodes: Option<NonZeroUsize>) -> Self {
        Self {
            lease,
            beat,
            incarnation: 0,
            boot: Arc::from(""),
            view: Arc::default(),
            nodes,
            lease_until: None,
            ready_at: None,
            said: Reported::New,
            connected: false,
            phase: Phase::Member,
            drains: false,
            misses: 0,
        }
    }

    pub(crate) fn cluster_state(&self, now: Instant) -> ClusterState {
        // By this node's own clock. The store may have kept the lease for longer, but this node has not asked.
        let holds = self.lease_until.is_some_and(|until| now < until);
        if self.has_left() {
            ClusterState::Left
        } else if self.boot.is_empty() {
            ClusterState::Joining
        } else if self.phase == Phase::Fenced {
            ClusterState::Fenced
        } else if !self.connected || self.misses >= MISSES || (self.incarnation != 0 && !holds) {
            ClusterState::Away
        } else if self.said != Reported::All || self.ready_at.is_none_or(|ready| now < ready) {
            ClusterState::Recovering
        } else if self.drains {
            ClusterState::Draining
        } else {
            ClusterState::Joined
        }
    }

    /// Zero while the node has none: before it joined, and after it lost its lease or the store its data.
    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The nonce of the data that the last beat has seen.
    pub(crate) fn boot(&self) -> &Arc<str> {
        &self.boot
    }

    pub(crate) fn view(&self) -> &Arc<View> {
        &self.view
    }

    pub(crate) fn nodes(&self) -> Option<NonZeroUsize> {
        self.nodes
    }

    /// When the data is old enough, unless the next beat says otherwise.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.ready_at
    }

    /// A beat that was sent with an incarnation was answered. The lease runs from when it was sent: the server began to
    /// count later.
    pub(crate) fn beaten(&mut self, asked: u64, beat: Beat, sent: Instant, now: Instant) -> Outcome {
        // The first data that a node sees has replaced none that it knew.
        let lost = !self.boot.is_empty() && *self.boot != beat.boot;
        self.boot = beat.boot.into();
        if beat.incarnation == 0 {
            (self.incarnation, self.lease_until, self.said) = (0, None, Reported::New);
            if lost {
                return Outcome::DataLost;
            }
            // A node that leaves takes its lease away itself.
            if !self.has_left() {
                self.phase = Phase::Fenced;
            }
            return Outcome::Fenced;
        }
        self.view = Arc::new(View { alive: beat.alive, newest: beat.last, draining: beat.draining });
        // If all nodes drain, there is no number to divide by, and shares stay as they were.
        self.nodes = NonZeroUsize::new(self.view.nodes()).or(self.nodes);
        self.incarnation = beat.incarnation;
        // Not from when it was answered: the answer may have been under way for as long as a lease.
        self.lease_until = sent.checked_add(self.lease);
        // While others report, this is set ahead by each beat. By a lease, because a beat that has no answer for as
        // long has ended the lease, and with it everything that this time is for.
        let others_say = beat.saying > 0 && beat.age < self.lease * LEASES;
        let wait = if others_say { self.lease } else { (self.beat * BEATS).saturating_sub(beat.age) };
        self.ready_at = now.checked_add(wait);
        if asked == beat.incarnation {
            return Outcome::Renewed;
        }
        self.said = Reported::New;
        Outcome::Joined
    }

    /// What is held was said. Ends the time in which the node was fenced: what it holds counts again.
    pub(crate) fn said(&mut self) {
        self.said = Reported::All;
        if self.phase == Phase::Fenced {
            self.phase = Phase::Member;
        }
    }

    /// Whether others have to wait for what this node has to say.
    pub(crate) fn says(&self) -> bool {
        self.said == Reported::New
    }

    /// Something is held that was not said.
    pub(crate) fn unsaid(&mut self) {
        if self.said == Reported::All {
            self.said = Reported::Behind;
        }
    }

    /// The server stops. There is no way back.
    pub(crate) fn drain(&mut self) {
        self.drains = true;
    }

    pub(crate) fn drains(&self) -> bool {
        self.drains
    }

    /// The node gives up its lease. There is no way back.
    pub(crate) fn leave(&mut self) {
        self.phase = Phase::Left;
    }

    pub(crate) fn has_left(&self) -> bool {
        self.phase == Phase::Left
    }

    pub(crate) fn connected(&mut self) {
        self.connected = true;
    }

    pub(crate) fn disconnected(&mut self) {
        self.connected = false;
    }

    /// A question was answered in time.
    pub(crate) fn answered(&mut self) {
        self.misses = 0;
    }

    /// A question was not answered in time. Whether nothing is asked from here on.
    pub(crate) fn missed(&mut self) -> bool {
        // Equal, and not more: requests that were sent before it opened are missed after that, and open nothing.
        self.misses = self.misses.saturating_add(1);
        self.misses == MISSES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);
    const BEAT: Duration = Duration::from_secs(1);

    fn beat(incarnation: u64, boot: &str, age: Duration) -> Beat {
        Beat { incarnation, last: 9, boot: boot.to_owned(), alive: vec![3, incarnation], age, draining: 0, saying: 0 }
    }

    fn joined(now: Instant) -> Membership {
        let mut membership = Membership::new(LEASE, BEAT, None);
        assert_eq!(membership.cluster_state(now), ClusterState::Joining);
        membership.connected();
        assert_eq!(membership.beaten(0, beat(7, "a", LEASE), now, now), Outcome::Joined);
        assert_eq!(membership.cluster_state(now), ClusterState::Recovering, "nothing is said yet");
        membership.said();
        assert_eq!(membership.cluster_state(now), ClusterState::Joined);
        membership
    }

    #[test]
    fn a_lease_runs_from_when_the_beat_was_sent() {
        let start = Instant::now();
        let mut membership = joined(start);
        assert_eq!(membership.beaten(7, beat(7, "a", LEASE), start + BEAT, start + 2 * BEAT), Outcome::Renewed);
        assert_eq!(membership.cluster_state(start + LEASE), ClusterState::Joined);
        assert_eq!(membership.cluster_state(start + BEAT + LEASE), ClusterState::Away);
    }

    #[test]
    fn a_lease_that_ran_out_is_told_from_data_that_was_lost() {
        let now = Instant::now();
        for (boot, outcome, cluster_state) in
            [("a", Outcome::Fenced, ClusterState::Fenced), ("b", Outcome::DataLost, ClusterState::Recovering)]
        {
            let mut membership = joined(now);
            assert_eq!(membership.beaten(7, beat(0, boot, Duration::ZERO), now, now), outcome);
            assert_eq!(membership.cluster_state(now), cluster_state);
            assert_eq!(membership.beaten(0, beat(8, boot, Duration::ZERO), now, now), Outcome::Joined);
            membership.said();
            assert_eq!(membership.cluster_state(now), ClusterState::Recovering, "the data is not old enough");
            assert_eq!(membership.cluster_state(now + 3 * BEAT), ClusterState::Joined);
        }
    }

    #[test]
    fn three_misses_in_a_row_open_the_breaker_until_an_answer() {
        let now = Instant::now();
        let mut membership = joined(now);
        assert!(!membership.missed() && !membership.missed());
        membership.answered();
        assert!(!membership.missed() && !membership.missed());
        assert_eq!(membership.cluster_state(now), ClusterState::Joined);
        assert!(membership.missed());
        assert_eq!(membership.cluster_state(now), ClusterState::Away);
        assert!(!membership.missed(), "it is open already");
        membership.answered();
        assert_eq!(membership.cluster_state(now), ClusterState::Joined);
    }

    #[test]
    fn who_is_newer_than_the_view_may_live() {
        let view = View { alive: vec![3, 7], newest: 9, draining: 0 };
        assert_eq!(view.over([2, 3, 7, 8, 9, 10]), [2, 8, 9]);
    }

    #[test]
    fn young_data_admits_nobody_before_all_nodes_have_said_what_they_hold() {
        let now = Instant::now();
        let mut membership = joined(now);
        for (age, saying, standing) in [
            (LEASE, 1, ClusterState::Recovering),
            (LEASE, 0, ClusterState::Joined),
            (LEASE * 20, 1, ClusterState::Joined),
        ] {
            membership.beaten(7, Beat { saying, ..beat(7, "a", age) }, now, now);
            assert_eq!(membership.cluster_state(now), standing, "{saying} say, {age:?}");
        }
    }

    #[test]
    fn a_node_that_drains_takes_nothing_and_has_no_share() {
        let now = Instant::now();
        let mut membership = joined(now);
        membership.drain();
        assert_eq!(membership.cluster_state(now), ClusterState::Draining);
        membership.beaten(7, Beat { draining: 1, ..beat(7, "a", LEASE) }, now, now);
        assert_eq!((membership.view().nodes(), membership.nodes()), (1, NonZeroUsize::new(1)));
        membership.beaten(7, Beat { draining: 2, ..beat(7, "a", LEASE) }, now, now);
        assert_eq!(membership.nodes(), NonZeroUsize::new(1), "the last number that is one");
    }
}
