//! What the driver is told: when to look again, and when to look sooner.

use std::time::{Duration, Instant};

use super::rig::{
    Rig,
    Step::{Closes, HandlerRaw, Opens, Passes},
    at, close,
};
use crate::{
    carrier::Carrier,
    frame::put_frame,
    guard::{Guard, Next},
    policy::{Action, Activity, Interest, Policy},
    settings::Framing,
};

const MS: Duration = Duration::from_millis(1);

/// Has a deadline a second after the transport began to take nothing, and else after a minute.
struct Stalling;

impl Policy for Stalling {
    fn interest(&self) -> Interest {
        Interest::INPUT | Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let soon = activity.stalled_since.map(|since| since + 1000 * MS);
        soon.or(activity.opened.map(|opened| opened + 60_000 * MS))
    }
}

fn open(policy: Option<Box<dyn Policy>>) -> (Guard, Instant) {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    if let Some(policy) = policy {
        guard.install_outermost(policy);
    }
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    (guard, now)
}

#[test]
fn an_open_connection_waits_for_its_deadline_and_never_spins() {
    let (mut guard, now) = open(None);
    assert_eq!(guard.next(now), Next::Nothing);
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    let (before, due) = (now + 59_999 * MS, now + 60_000 * MS);
    assert_eq!(guard.next(now), Next::Wait(Some(due)));
    assert_eq!(guard.next(before), Next::Wait(Some(due)));
    for late in [due, due + MS] {
        assert_eq!(guard.next(late), Next::Wait(Some(late + MS)), "a policy that leaves its deadline in the past");
    }
    assert!(!guard.is_judging(before) && guard.is_judging(due));
    guard.close(close(1001), None, due);
    assert!(!guard.is_judging(due), "nobody is judged who is being closed");
}

#[test]
fn a_ping_that_waits_for_a_boundary_is_waited_for_without_an_end() {
    let mut rig = Rig::new(Some(Box::new(at(10, Action::Ping))));
    for step in [Opens, HandlerRaw(b"\x81\x02a"), Passes(10)] {
        rig.step(&step);
    }
    assert_eq!(rig.guard.next(rig.now), Next::Wait(None));
    rig.step(&HandlerRaw(b"b"));
    assert_eq!(rig.guard.next(rig.now + 1000 * MS), Next::Nothing);
}

#[test]
fn the_answer_to_a_ping_is_awaited_for_a_second() {
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    let (opened, deadline, now) = (now, now + 60_000 * MS, now + 1000 * MS);
    let pong = guard.begin_ping(|| 1, now);
    let (just, over) = (now + 999 * MS, now + 1000 * MS);
    assert!(guard.awaits_pong(now) && guard.awaits_pong(just) && !guard.awaits_pong(over));
    assert_eq!(
        (guard.next(just), guard.next(over)),
        (Next::Await { ping: 1, until: over }, Next::Wait(Some(deadline)))
    );
    // A policy whose deadline comes first, or so soon afterwards that a reminder may be late for it, has a timer.
    for (stalled, next) in [
        (500, Next::Wait(Some(now + 500 * MS))),
        (1001, Next::Wait(Some(over))),
        (2999, Next::Wait(Some(over))),
        (3000, Next::Await { ping: 1, until: over }),
    ] {
        guard.stalled(Some(opened + stalled * MS));
        assert_eq!(guard.next(now), next, "{stalled}");
    }
    guard.stalled(None);
    // Not while input is delayed, and not once it has come, or the connection closes.
    guard.inbox.delay(now + 10 * MS);
    assert!(!guard.awaits_pong(now) && guard.end_delay(now + 10 * MS) && guard.awaits_pong(now));
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x8a, &pong, Some([9, 8, 7, 6]));
    guard.peeked(&frame, now);
    assert!(!guard.awaits_pong(now));
    assert_eq!((guard.next(now), guard.inbox.kept()), (Next::Wait(Some(deadline)), 0));
    guard.begin_ping(|| 1, now);
    guard.close(close(1001), None, now);
    assert!(!guard.awaits_pong(now));
}

#[test]
fn a_second_look_comes_at_its_time() {
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    let late = now + 61_000 * MS;
    guard.judge_peer(late);
    for (after, next) in [(0, 50), (49, 50), (50, 51)] {
        assert_eq!(guard.next(late + after * MS), Next::Wait(Some(late + next * MS)), "{after}");
    }
    guard.judge_peer(late + 49 * MS);
    assert_eq!(guard.next(late + 49 * MS), Next::Wait(Some(late + 50 * MS)), "it is not put off by another look");
}

#[test]
fn a_driver_is_woken_for_what_comes_nearer_while_it_sleeps() {
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    assert!(!guard.is_driven() && guard.needs_driver());
    assert!(guard.is_driven() && !guard.needs_driver() && !guard.wants_driver(|| now), "one is enough");
    guard.next(now);
    guard.take_wakes();
    guard.stalled(None);
    assert!(!guard.take_wakes().driver);
    guard.stalled(Some(now));
    assert!(guard.take_wakes().driver);
    // It is at work, and asks for itself.
    guard.driver_wakes(now);
    guard.stalled(Some(now));
    assert!(!guard.take_wakes().driver);
    // A close leaves no deadline to wait for.
    guard.stalled(None);
    guard.next(now);
    guard.close(close(1001), None, now);
    guard.take_wakes();
    guard.stalled(Some(now));
    assert!(!guard.take_wakes().driver);
    guard.driver_ends();
    assert!(!guard.is_driven());
}

#[test]
fn a_delay_of_a_closing_connection_is_over() {
    let mut rig = Rig::after(&[Opens, Closes(1001, None)]);
    assert!(!rig.guard.end_delay(rig.now + 1000 * MS));
}

#[test]
fn a_connection_rests_while_nothing_but_a_deadline_far_off_is_waited_for() {
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    assert!(!guard.wants_driver(|| now) && !guard.is_driven());
    assert_eq!(guard.alarm(), Some(now + 60_000 * MS));
    assert!(!guard.wants_driver(|| unreachable!("one is enough")));
    // What comes nearer asks for another alarm, and what is near for a driver.
    guard.stalled(Some(now + 1000 * MS));
    assert!(!guard.wants_driver(|| now));
    assert_eq!(guard.alarm(), Some(now + 2000 * MS));
    guard.take_wakes();
    guard.stalled(Some(now));
    assert!(guard.wants_driver(|| now) && guard.is_driven());
    assert_eq!(guard.alarm(), None);
    // A driver leaves the rest to an alarm.
    guard.stalled(None);
    guard.driver_wakes(now);
    assert_eq!(guard.next(now), Next::Wait(Some(now + 60_000 * MS)));
    assert!(guard.rests(now + 60_000 * MS, || now) && !guard.is_driven());
    // It rings, and nothing is late.
    guard.alarm_rings();
    assert!(!guard.wants_driver(|| now + 1000 * MS) && guard.alarm().is_some());
    guard.alarm_rings();
    assert!(guard.wants_driver(|| now + 60_000 * MS));
}

#[test]
fn a_connection_that_closes_or_has_something_to_send_does_not_rest() {
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    assert!(!guard.wants_driver(|| now));
    guard.close(close(1001), None, now);
    assert!(!guard.rests(now + 60_000 * MS, || now));
    assert_eq!(guard.take_alarm_of_the_past(), Some(now + 60_000 * MS));
    assert_eq!((guard.take_alarm_of_the_past(), guard.wants_driver(|| now)), (None, true));
    let (mut guard, now) = open(Some(Box::new(Stalling)));
    guard.outbox.put_ping(b"");
    let deadline = now + 60_000 * MS;
    assert!(!guard.rests(deadline, || now));
    guard.outbox.sent(2);
    assert!(!guard.rests(deadline, || now), "it is not flushed");
    guard.outbox.flushed();
    assert!(guard.rests(deadline, || now) && guard.needs_driver() && !guard.needs_driver());
}
