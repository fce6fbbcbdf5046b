//! The state of the machine, its policies, and what it reports about them.
//!
//! The fields are grouped by who uses them: `stream` and `resumed` follow what the peer sends, `outbound` what the
//! handler sends, `phase` and `closes` how the connection ends, `schedule` and `second_look` when the driver must come,
//! and `telemetry` what is to be reported once the lock is released. Files beside this one have the methods; each of
//! them names the fields it works on.
//!
//! There are tens of thousands of these in a server, so what most connections never need is boxed and made on demand.
//! Without policies no clock is read, since nothing would be compared with the time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    closes::Closes,
    inbox::Inbox,
    input_watchers::{InputWatchers, Place},
    outbound::Outbound,
    outbox::Outbox,
    phase::Phase,
    pings::{PING_PAYLOAD, Pings},
    schedule::{Armed, Attendant},
    stream::Stream,
    wakes::Wakes,
};
use crate::{
    connection_state::ConnectionState,
    counters::Counters,
    identity::Subject,
    observe::{Delta, Enforcement, Telemetry},
    policy::{Action, Activity, Policy},
    settings::{Framing, Settings},
};

/// The state of one guarded connection.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none excludes another")]
pub(crate) struct Guard {
    pub(super) policies: Vec<Box<dyn Policy>>,
    pub(super) input_watchers: InputWatchers,
    pub(super) framing: Framing,
    /// The settings, if a layer has set them. All connections of the layer share them.
    pub(super) settings: Option<Arc<Settings>>,
    /// The handshake agreed on compression.
    pub(super) compression: bool,
    /// A compressed message was delivered. From then on the decompressor has a context, and no message can be dropped.
    pub(super) compressed: bool,
    pub(super) stream: Stream,
    /// The place of the first policy that has not judged the delayed frame for good.
    pub(super) resumed: Option<Place>,
    /// The place of the policy that delayed it.
    pub(super) delaying: Place,
    pub(super) outbound: Outbound,
    pub(super) pings: Pings,
    /// A policy judges by what is sent.
    watches_output: bool,
    /// All policies were notified of a pong, so the deadlines of those that do not judge frames may have come nearer
    /// too.
    pub(super) others_told: bool,
    /// The policies were notified of the subject. Not the same as that the connection has one: see `install`.
    pub(super) authenticated: bool,
    pub(super) activity: Activity,
    pub(super) counters: Counters,
    pub(super) telemetry: Telemetry,
    pub(super) phase: Phase,
    pub(super) closes: Closes,
    pub(super) attendant: Attendant,
    pub(super) armed: Armed,
    /// A deadline was noticed late, and the verdict waits until then.
    pub(super) second_look: Option<Box<Instant>>,
    pub(super) wakes: Wakes,
    /// The handler's current call was plain: it leaves nothing to report, to wake or to drive.
    pub(super) plain: bool,
    /// Input that waits for the handler, or for a verdict.
    pub(crate) inbox: Inbox,
    /// Frames that are sent beside those of the handler.
    pub(crate) outbox: Outbox,
}

impl Guard {
    /// A guard without policies: every legal frame passes.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn new(framing: Framing) -> Self {
        Self { framing, ..Self::default() }
    }

    /// Puts a policy outside of those that are installed already.
    pub(crate) fn install_outermost(&mut self, policy: Box<dyn Policy>) {
        let interest = policy.interest();
        self.watches_output |= interest.output;
        self.input_watchers.install_outermost(interest.input);
        self.policies.insert(0, policy);
    }

    /// Makes room for this many policies, before the first is installed. All in one step, as a connection keeps them
    /// for long, and without room for more.
    pub(crate) fn make_room(&mut self, policies: usize) {
        if self.policies.capacity() == 0 {
            self.policies.reserve_exact(policies);
        }
    }

    /// Whether any policy judges by what is sent.
    #[inline]
    pub(crate) fn watches_output(&self) -> bool {
        self.watches_output
    }

    /// Takes the policies out of a connection that is over. A policy may own a handle to the connection, which would
    /// keep both alive for ever.
    pub(crate) fn take_policies(&mut self) -> Vec<Box<dyn Policy>> {
        // The last chance to ask them what they have counted.
        self.telemetry.finish(&mut self.policies);
        std::mem::take(&mut self.policies)
    }

    /// Takes out the policies that judge no frames: a connection that has lost its transport needs only the others.
    pub(crate) fn take_bystanders(&mut self) -> Vec<Box<dyn Policy>> {
        // Those stay: the handler may still read what came before, and that must be judged.
        let input_watchers = std::mem::take(&mut self.input_watchers);
        let (mut stay, mut bystanders) = (Vec::new(), Vec::new());
        for (place, policy) in std::mem::take(&mut self.policies).into_iter().enumerate() {
            if input_watchers.has(place) { stay.push(policy) } else { bystanders.push(policy) }
        }
        self.policies = stay;
        for _ in &self.policies {
            self.input_watchers.install_outermost(true);
        }
        self.telemetry.finish(&mut bystanders);
        bystanders
    }

    /// Takes what is to be reported after the connection is unlocked.
    #[inline]
    pub(crate) fn take_delta(&mut self) -> Option<Box<Delta>> {
        // Boxed, since it is returned from every call, and most often there is none.
        self.telemetry.are_due().then(|| self.telemetry.take(self.counters, &mut self.policies))
    }

    /// Allows RSV1: the handshake agreed to permessage-deflate (RFC 7692).
    pub(crate) fn allow_compression(&mut self) {
        self.compression = true;
    }

    /// What went through so far.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// How far the connection has come.
    pub(crate) fn connection_state(&self) -> ConnectionState {
        match self.phase {
            Phase::Upgrading(_) => ConnectionState::Opening,
            Phase::Open => ConnectionState::Open,
            Phase::Ending(_) | Phase::Taken(_) | Phase::Aborted => ConnectionState::Closing,
            Phase::Lost | Phase::Over => ConnectionState::Ended,
        }
    }

    /// How long the peer took to answer the last ping of the guard's own that it did answer.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.pings.round_trip()
    }

    /// Whether any policy is installed.
    #[inline]
    pub(crate) fn has_policies(&self) -> bool {
        !self.policies.is_empty()
    }

    /// The earliest deadline of any policy.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.policies.iter().filter_map(|policy| policy.deadline(&self.activity)).min()
    }

    /// The earliest of those deadlines that may have come nearer by what was read.
    #[inline]
    pub(crate) fn deadline_after_read(&mut self) -> Option<Instant> {
        // A read changes only the policies that judge frames, unless a pong was in it. The driver is armed for the
        // others already.
        if std::mem::take(&mut self.others_told) {
            return self.deadline();
        }
        let input_watchers = self.input_watchers.of(self.policies.len());
        input_watchers.filter_map(|index| self.policies[index].deadline(&self.activity)).min()
    }

    /// Asks every policy whose deadline has passed. Stops at the first that ends the connection.
    pub(crate) fn on_deadline(&mut self, now: Instant) -> Action {
        let activity = &self.activity;
        let due = |policy: &dyn Policy| policy.deadline(activity).is_some_and(|deadline| deadline <= now);
        let mut result = Action::None;
        for policy in &mut self.policies {
            if !due(policy.as_ref()) {
                continue;
            }
            match policy.on_deadline(activity, now) {
                Action::None => {}
                Action::Ping => result = Action::Ping,
                end => {
                    note(&mut self.telemetry, policy.as_ref(), &end);
                    return end;
                }
            }
        }
        result
    }

    /// Notifies the policies of the subject. Stops at the first that ends the connection.
    pub(crate) fn on_authenticated(&mut self, subject: &Subject) -> Action {
        let mut result = Action::None;
        for policy in &mut self.policies {
            match policy.on_authenticated(subject) {
                Action::None => {}
                Action::Ping => result = Action::Ping,
                end => {
                    note(&mut self.telemetry, policy.as_ref(), &end);
                    return end;
                }
            }
        }
        result
    }

    /// Begins a ping, and returns its payload. Its answer will be taken out of the stream. The salt of the first ping,
    /// a number that others cannot guess, distinguishes the connection's own pings from those of its handler.
    pub(crate) fn begin_ping(&mut self, salt: impl FnOnce() -> u32, now: Instant) -> [u8; PING_PAYLOAD] {
        if self.pings.sent == 0 {
            self.pings.prefix = salt().to_be_bytes();
        }
        self.pings.sent = self.pings.sent.wrapping_add(1);
        self.pings.last = Some(now);
        self.pings.late = false;
        let mut payload = [0; PING_PAYLOAD];
        payload[..4].copy_from_slice(&self.pings.prefix);
        payload[4..].copy_from_slice(&self.pings.sent.to_be_bytes());
        payload
    }

    /// Whether the next byte that would be delivered begins a frame.
    pub(crate) fn inbound_at_boundary(&self) -> bool {
        self.stream.at_boundary()
    }

    /// Bytes that the peer has still to send of a frame whose header was read.
    pub(crate) fn inbound_payload_left(&self) -> u64 {
        self.stream.payload_left()
    }
}

/// Counts that a policy ended the connection.
///
/// Pings are not counted: they are how a policy asks, not what it enforces.
fn note(telemetry: &mut Telemetry, policy: &dyn Policy, end: &Action) {
    match end {
        Action::Close(_) => telemetry.violated(policy.name(), Enforcement::Close),
        Action::Abort => telemetry.violated(policy.name(), Enforcement::Abort),
        Action::None | Action::Ping => {}
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("policies", &self.policies.len())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
