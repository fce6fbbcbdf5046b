//! What is due when: deadlines of policies, the end of a delay, and the steps of a close.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use super::{Guard, Measure, phase::Phase};
use crate::{
    identity::Subject,
    policy::{Action, Policy},
};

/// A deadline that is met later than this is late.
const LATE: Duration = Duration::from_millis(250);

/// How long the runtime has to look at its sockets.
const SECOND_LOOK: Duration = Duration::from_millis(50);

/// What a connection needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing before that time, or until something changes.
    Wait(Option<Instant>),
    /// To be taken from its handler.
    Take,
    /// To be dropped as it is.
    Abort,
    /// Nothing.
    Nothing,
}

impl Guard {
    /// Whether a driver must be spawned; if so, it is taken to be.
    #[inline]
    pub(crate) fn wants_driver(&mut self) -> bool {
        !self.schedule.is_driven() && self.schedule.drive(self.has_something_due())
    }

    /// Whether something is to be done that the handler may not get to.
    #[inline]
    fn has_something_due(&self) -> bool {
        match self.phase {
            Phase::Upgrading(_) | Phase::Lost | Phase::Over | Phase::Taken { .. } => false,
            Phase::Open => self.has_something_due_while_open(),
            Phase::Ending(_) | Phase::Aborted => true,
        }
    }

    #[inline]
    pub(super) fn has_something_due_while_open(&self) -> bool {
        self.policy_deadline().is_some() || self.inbox.delayed().is_some() || self.outbox.is_pending()
    }

    #[inline]
    pub(crate) fn is_driven(&self) -> bool {
        self.schedule.is_driven()
    }

    /// The driver looks at the connection. What comes nearer meanwhile it asks for by itself.
    pub(crate) fn driver_wakes(&mut self, now: Instant) {
        self.schedule.awake();
        if matches!(self.phase, Phase::Open) {
            self.telemetry.tick(now);
        }
    }

    /// There is no driver any more.
    pub(crate) fn driver_ends(&mut self) {
        self.schedule.drive(false);
    }

    /// What the connection needs next. If that is to wait, the driver sleeps.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let next = self.upcoming(now);
        if let Next::Wait(until) = next {
            self.schedule.sleep(until);
        }
        next
    }

    fn upcoming(&self, now: Instant) -> Next {
        match &self.phase {
            Phase::Open => match self.earliest(self.policy_deadline()) {
                Some(_) if self.second_look.is_some_and(|at| now < at) => Next::Wait(self.second_look),
                // A policy that leaves its deadline in the past must not spin.
                Some(next) if next <= now => Next::Wait(Some(now + Duration::from_millis(1))),
                Some(next) => Next::Wait(Some(next)),
                None if self.outbox.is_pending() => Next::Wait(None),
                None => Next::Nothing,
            },
            Phase::Ending(ending) if ending.is_due(self.is_between_frames(), now) => Next::Take,
            Phase::Ending(ending) => Next::Wait(ending.next(now)),
            Phase::Aborted => Next::Abort,
            Phase::Upgrading(_) | Phase::Taken { .. } | Phase::Lost | Phase::Over => Next::Nothing,
        }
    }

    /// The earlier of a policy's deadline and the end of a delay.
    #[inline]
    fn earliest(&self, deadline: Option<Instant>) -> Option<Instant> {
        match (deadline, self.inbox.delayed()) {
            (Some(deadline), Some(delayed)) => Some(deadline.min(delayed)),
            (deadline, delayed) => deadline.or(delayed),
        }
    }

    /// Wakes the driver for a deadline that has come nearer. A close that is decided leaves none to wait for.
    #[inline]
    pub(super) fn rearm(&mut self, deadline: Option<Instant>) {
        let open = matches!(self.phase, Phase::Open);
        self.wakes.driver |= open && self.schedule.is_late_for(self.earliest(deadline));
    }

    #[inline]
    fn policy_deadline(&self) -> Option<Instant> {
        if self.has_policies() { self.deadline() } else { None }
    }

    /// Whether a policy's deadline has passed. What the transport holds unread must be looked at before it is judged.
    pub(crate) fn is_judging(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Open) && self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Asks the policies whose deadlines have passed, unless that is late: then the process stood still, and timers
    /// fire before the runtime has looked at its sockets. What has arrived meanwhile is seen at a second look.
    pub(crate) fn judge_peer(&mut self, now: Instant) {
        let late = self.deadline().is_some_and(|deadline| now.saturating_duration_since(deadline) > LATE);
        match self.second_look {
            Some(at) if now < at => return,
            None if late => {
                self.second_look = Some(now + SECOND_LOOK);
                return;
            }
            _ => self.second_look = None,
        }
        let action = self.on_deadline(now);
        self.act(action, now);
    }

    /// Ends a delay that is over. Says whether the handler may read again.
    pub(crate) fn end_delay(&mut self, now: Instant) -> bool {
        let over = matches!(self.phase, Phase::Open) && self.inbox.delayed().is_some_and(|until| until <= now);
        if over {
            self.inbox.end_delay();
        }
        over
    }

    /// Tells the policies who the peer is.
    pub(crate) fn authenticated(&mut self, subject: &Subject, now: Instant) {
        self.authenticated = true;
        let action = self.on_authenticated(subject);
        self.act(action, now);
        // A policy's deadline may have come nearer.
        self.wakes.driver = true;
    }

    /// Installs a policy outside of the others. If they were told of the `subject`, the policy learns of it; if they
    /// are yet to be told, it is told with them. So each is told once, however close a sign-in and an installation are.
    pub(crate) fn install(
        &mut self,
        mut policy: Box<dyn Policy>,
        subject: Option<&Subject>,
        now: impl FnOnce() -> Instant,
    ) {
        let subject = subject.filter(|_| self.authenticated);
        let action = subject.map_or(Action::None, |subject| policy.on_authenticated(subject));
        self.install_outermost(policy);
        if action != Action::None {
            self.act(action, now());
        }
    }

    /// Carries out what a policy asks for.
    fn act(&mut self, action: Action, now: Instant) {
        match action {
            Action::None => {}
            Action::Ping => self.ping(now),
            Action::Close(frame) => self.close_for_policy(frame, now),
            Action::Abort => self.abort(),
        }
    }

    fn ping(&mut self, now: Instant) {
        // Nothing follows the handler's close frame.
        let open = matches!(self.phase, Phase::Open) && !self.closes.handler_has_closed();
        if open && self.outbox.takes_pings() {
            // A peer that could guess what a ping carries could answer without having read it.
            let salt = RandomState::new().hash_one(()) >> 32;
            let payload = self.begin_ping(u32::try_from(salt).unwrap_or_default(), now);
            self.outbox.put_ping(&payload);
        }
    }

    /// Whether the handler stands between two frames, so that one of the guard's own may go out.
    #[inline]
    pub(crate) fn is_between_frames(&self) -> bool {
        self.outbound_at_boundary() && !self.is_capturing()
    }

    /// What was measured went out, all of it. The clock is asked only where it decides.
    #[inline]
    pub(crate) fn sent(&mut self, measure: Measure, now: impl Fn() -> Instant) {
        // Also a part of a frame is a sign that the handler is still answering.
        if let Phase::Ending(ending) = &mut self.phase {
            ending.wrote(now());
        }
        if self.watches_output() && measure.has_data() {
            self.activity.last_message_out = Some(now());
        }
        self.wrote(measure);
    }

    /// Since when the transport has taken nothing. A deadline may depend on it.
    #[inline]
    pub(crate) fn stalled(&mut self, since: Option<Instant>) {
        self.activity.stalled_since = since;
        if since.is_some() {
            self.rearm(self.deadline());
        }
    }
}
