//! What is due when: deadlines of policies, the end of a delay, and the steps of a close.
//!
//! The machine has no clock. It returns what comes next and when, and the driver, a task of the shell, calls again
//! then. A verdict on a silent peer waits for one more look at the socket, because the answer may have arrived and not
//! been read.
//!
//! # When a deadline is trusted
//!
//! tokio fires timers before it polls sockets. After the process has stood still, be it for a debugger, a laptop's lid
//! or a machine that was moved, the deadlines of all peers have passed, and their answers are in the sockets, unread.
//! Each of these rules removes one way to close a peer that has done nothing wrong:
//!
//! 1. Before a verdict the driver reads what is there ([`Guard::looked`]), and looks whether there is room to write.
//! 2. A deadline that is noticed more than 250 ms late is not acted on. The verdict waits 50 ms, in which the runtime
//!    polls its sockets.
//! 3. Where the look is inconclusive, because the inbox is full, or a ping could not go out or went out late,
//!    `Activity::inconclusive` is set, and the policy decides what to make of it.
//!
//! The same goes for the handler of a connection that is closing: the time for its last frame begins when the driver
//! notices that it has come.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use super::{Guard, Measure, phase::Phase, schedule::Attendant};
use crate::{
    identity::Subject,
    policy::{Action, Policy},
};

/// A deadline that is noticed later than this means that the process, or this task, was not running.
const LATE: Duration = Duration::from_millis(250);

/// How long the runtime then has to poll its sockets before the peer is judged.
const SECOND_LOOK: Duration = Duration::from_millis(50);

/// A deadline that is further off than this is an alarm's, and nearer ones are a driver's: to set an alarm and to spawn
/// a driver again is more work than to sleep.
const FAR: Duration = Duration::from_secs(1);

/// Random: a peer that could guess the payload of a ping could answer without having read it.
fn salt() -> u32 {
    u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default()
}

/// What a connection needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing before that time, or before it is woken.
    Wait(Option<Instant>),
    /// The answer to the ping of that number, until that time at most.
    Await { ping: u32, until: Instant },
    /// The transport must be taken from the handler.
    Take,
    /// The transport must be dropped as it is.
    Abort,
    /// No driver.
    Nothing,
}

impl Guard {
    /// Whether a driver must be spawned. If so, it counts as spawned from here on: the caller spawns it after
    /// unlocking, and must be the only one to do so. Where an alarm can take its place, that counts as set, and the
    /// caller sets it before it unlocks.
    pub(crate) fn wants_driver(&mut self, now: impl FnOnce() -> Instant) -> bool {
        if !self.is_unattended() {
            return false;
        }
        let due = match self.phase {
            Phase::Upgrading(_) | Phase::Lost | Phase::Over | Phase::Taken(_) => false,
            Phase::Open => {
                let deadline = self.policy_deadline();
                if deadline.is_some_and(|deadline| self.rests(deadline, now)) {
                    return false;
                }
                deadline.is_some() || self.has_something_of_its_own_due()
            }
            Phase::Ending(_) | Phase::Aborted => true,
        };
        self.drive(due)
    }

    /// Whether there is no driver, and no alarm that comes in time.
    #[inline]
    fn is_unattended(&self) -> bool {
        !self.is_attended() || (self.attendant == Attendant::Alarm && self.wakes.driver)
    }

    /// Whether nothing is waited for but the `deadline` of a policy, and that is far off. If so, an alarm counts as set
    /// from here on, in place of a driver: the caller sets it before it unlocks.
    pub(crate) fn rests(&mut self, deadline: Instant, now: impl FnOnce() -> Instant) -> bool {
        let alone = self.second_look.is_none() && !self.has_something_of_its_own_due();
        let rests = alone && matches!(self.phase, Phase::Open) && deadline > now() + FAR;
        if rests {
            self.set_alarm(deadline);
        }
        rests
    }

    /// The alarm has rung, and has to be set again, or a driver is needed.
    pub(crate) fn alarm_rings(&mut self) {
        self.drive(false);
    }

    /// The alarm of a connection that is no longer open is to be cancelled. Returns its time.
    pub(crate) fn take_alarm_of_the_past(&mut self) -> Option<Instant> {
        let alarm = self.alarm().filter(|_| !matches!(self.phase, Phase::Open))?;
        self.drive(false);
        Some(alarm)
    }

    /// A driver must be spawned, whatever the policies say. Returns whether there is none yet.
    pub(crate) fn needs_driver(&mut self) -> bool {
        !self.is_driven() && self.drive(true)
    }

    #[inline]
    pub(super) fn has_something_due_while_open(&self) -> bool {
        self.policy_deadline().is_some() || self.has_something_of_its_own_due()
    }

    /// Whether the guard itself waits for something that must not depend on the handler's calls.
    #[inline]
    fn has_something_of_its_own_due(&self) -> bool {
        self.inbox.delayed().is_some() || self.outbox.is_pending()
    }

    /// The driver looks at the connection. Until it sleeps again, deadlines need not wake it: it computes the next one
    /// at the end of its look.
    pub(crate) fn driver_wakes(&mut self, now: Instant) {
        self.awake();
        if self.second_look.is_some() && !self.is_judging(now) {
            // The peer has moved its deadline since the first look. The next late deadline has a second look of its
            // own.
            self.second_look = None;
        }
        if matches!(self.phase, Phase::Open) {
            self.telemetry.tick(now);
        }
    }

    /// There is no driver any more.
    pub(crate) fn driver_ends(&mut self) {
        self.drive(false);
    }

    /// What the connection needs next. If that is to wait, the driver sleeps.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        if let Phase::Ending(ending) = &mut self.phase {
            ending.noticed(now);
        }
        let next = self.upcoming(now);
        match next {
            Next::Wait(until) => self.sleep(until),
            Next::Await { until, .. } => self.sleep(Some(until)),
            Next::Take | Next::Abort | Next::Nothing => {}
        }
        next
    }

    fn upcoming(&self, now: Instant) -> Next {
        match &self.phase {
            Phase::Open => self.upcoming_while_open(now),
            Phase::Ending(ending) if ending.is_due(self.is_between_frames(), now) => Next::Take,
            Phase::Ending(ending) => Next::Wait(ending.next(now)),
            Phase::Aborted => Next::Abort,
            Phase::Upgrading(_) | Phase::Taken(_) | Phase::Lost | Phase::Over => Next::Nothing,
        }
    }

    fn upcoming_while_open(&self, now: Instant) -> Next {
        let next = self.earliest(self.policy_deadline());
        let pong = self.pong_awaited_until().filter(|_| self.awaits_pong(now));
        match (next, pong) {
            (Some(_), _) if self.second_look().is_some_and(|at| now < at) => Next::Wait(self.second_look()),
            // A policy that leaves its deadline in the past would make the driver spin.
            (Some(next), _) if next <= now => Next::Wait(Some(now + Duration::from_millis(1))),
            (None, _) | (Some(_), None) if self.outbox.is_pending() => Next::Wait(next),
            // A reminder may be two seconds late, which a policy's deadline must not be.
            (next, Some(until)) if next.is_none_or(|next| until + 2 * FAR <= next) => {
                Next::Await { ping: self.pings.sent, until }
            }
            (Some(next), Some(until)) => Next::Wait(Some(next.min(until))),
            (Some(next), _) => Next::Wait(Some(next)),
            (None, _) => Next::Nothing,
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

    /// Wakes the driver if a deadline has come nearer than the time it sleeps for. Only while the connection is open: a
    /// close wakes it anyway.
    #[inline]
    pub(super) fn rearm(&mut self, deadline: Option<Instant>) {
        let open = matches!(self.phase, Phase::Open);
        self.wakes.driver |= open && self.is_late_for(self.earliest(deadline));
    }

    #[inline]
    fn policy_deadline(&self) -> Option<Instant> {
        if self.has_policies() { self.deadline() } else { None }
    }

    /// Whether a policy's deadline has passed. The caller then reads what the transport holds before the peer is
    /// judged.
    pub(crate) fn is_judging(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Open) && self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Asks the policies whose deadlines have passed, unless this is late: then the process was stopped, and the
    /// runtime fires timers before it polls its sockets. Input that has arrived meanwhile is seen at a second look.
    pub(crate) fn judge_peer(&mut self, now: Instant) {
        let late = self.deadline().is_some_and(|deadline| now.saturating_duration_since(deadline) > LATE);
        match self.second_look() {
            // Woken before the second look is due.
            Some(at) if now < at => return,
            None if late => {
                self.second_look = Some(Box::new(now + SECOND_LOOK));
                return;
            }
            _ => self.second_look = None,
        }
        let action = self.on_deadline(now);
        self.act(action, now);
    }

    /// Whether the driver waits for the answer to a ping: only the guard has a use for it, and a handler that is
    /// woken for it would clear its buffer, read, and find nothing. Not while input is delayed, and left unread.
    pub(crate) fn awaits_pong(&self, now: Instant) -> bool {
        let open = matches!(self.phase, Phase::Open) && self.inbox.delayed().is_none();
        open && self.pong_awaited_until().is_some_and(|until| now < until)
    }

    /// Whether the answer to a ping was not there in that time.
    pub(crate) fn misses_pong(&self) -> bool {
        self.is_driven() && self.pings.awaited().is_some()
    }

    fn pong_awaited_until(&self) -> Option<Instant> {
        self.pings.awaited().map(|sent| sent + FAR)
    }

    fn second_look(&self) -> Option<Instant> {
        self.second_look.as_deref().copied()
    }

    /// Ends a delay that is over. Returns whether the handler may read again.
    pub(crate) fn end_delay(&mut self, now: Instant) -> bool {
        let over = matches!(self.phase, Phase::Open) && self.inbox.delayed().is_some_and(|until| until <= now);
        if over {
            self.inbox.end_delay();
        }
        over
    }

    /// Notifies the policies of the subject.
    pub(crate) fn authenticated(&mut self, subject: &Subject, now: Instant) {
        // Set under the lock, before the policies are notified: `install` relies on it.
        self.authenticated = true;
        let action = self.on_authenticated(subject);
        self.act(action, now);
        // Any policy's deadline may have come nearer.
        self.wakes.driver = true;
    }

    /// Installs a policy outside of the others. If they were notified of the `subject`, so is this one; otherwise it
    /// will be notified with them. So each policy is notified exactly once, even if the peer signs in during the
    /// installation.
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

    /// The number of the last ping.
    pub(crate) fn last_ping(&self) -> u32 {
        self.pings.sent
    }

    /// A ping that was requested at that time was sent, or could not be. In between the process may have stood still.
    pub(crate) fn sent_ping(&mut self, requested: Instant, now: Instant) {
        self.pings.late = now.saturating_duration_since(requested) > LATE;
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
            let payload = self.begin_ping(salt, now);
            self.outbox.put_ping(&payload);
        }
    }

    /// Whether the handler is between two frames, so that one of the guard's own may go out. Not while a close frame is
    /// being captured: nothing of it has gone out, but nothing may go out in front of it either.
    #[inline]
    pub(crate) fn is_between_frames(&self) -> bool {
        self.outbound_at_boundary() && !self.is_capturing()
    }

    /// What was measured was written. The clock is read only if it matters.
    #[inline]
    pub(crate) fn sent(&mut self, measure: Measure, now: impl Fn() -> Instant) {
        // A part of a frame counts too: it shows that the handler is still answering.
        if let Phase::Ending(ending) = &mut self.phase {
            ending.wrote(now());
        }
        if self.watches_output() && measure.has_data() {
            self.activity.last_message_out = Some(now());
        }
        self.wrote(measure);
    }

    /// Records since when the transport has accepted nothing. A policy's deadline may depend on it.
    #[inline]
    pub(crate) fn stalled(&mut self, since: Option<Instant>) {
        self.activity.stalled_since = since;
        if since.is_some() {
            self.rearm(self.deadline());
        }
    }
}
