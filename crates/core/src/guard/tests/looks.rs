//! What the guard makes of a look at what its handler has not read.

use std::time::{Duration, Instant};

use super::rig::{
    Rig,
    Step::{HandlerIsBusy, Opens, Passes},
    at, close,
};
use crate::{
    carrier::Carrier,
    frame::put_frame,
    guard::{Guard, Next, inbox::SIDE},
    policy::{Action, Activity, Policy},
    settings::Framing,
};

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, first, payload, Some([9, 8, 7, 6]));
    out
}

#[test]
fn answers_to_own_pings_do_not_fill_what_waits_for_a_handler_that_never_reads() {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    for _ in 0..SIDE {
        let ping = guard.begin_ping(|| 1, now);
        guard.peeked(&frame(0x8a, &ping), now);
        guard.looked(false, now);
        assert_eq!(guard.inbox.backlog(), b"");
    }
    assert!(!guard.activity.inconclusive && !guard.activity.has_unread_input);
    assert_eq!(guard.round_trip(), Some(Duration::ZERO));
}

#[test]
fn what_stands_around_an_own_pong_stays_in_its_order() {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    let ping = guard.begin_ping(|| 1, now);
    let own = frame(0x8a, &ping);
    let (message, others, half) = (frame(0x81, b"unread"), frame(0x8a, b"another's"), &frame(0x82, b"half")[..7]);
    let before = [message.as_slice(), &others].concat();
    let all = [&before, &own, &message, half].concat();
    // In any pieces.
    for byte in &all {
        guard.peeked(&[*byte], now);
    }
    assert_eq!(guard.inbox.backlog(), [&before, &message, half].concat());
    // In the middle of a message's payload.
    let mut guard = Guard::new(Framing::Enforce);
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    let ping = guard.begin_ping(|| 1, now);
    let (start, rest) = message.split_at(8);
    assert_eq!(guard.read(&mut start.to_vec(), || now), 8);
    guard.peeked(&[rest, &frame(0x8a, &ping)].concat(), now);
    assert_eq!(guard.inbox.backlog(), rest);
    // And payload that looks like one is payload.
    let mut guard = Guard::new(Framing::Enforce);
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    let own = frame(0x8a, &guard.begin_ping(|| 1, now));
    let mut start = vec![0x82, 0x80 | u8::try_from(own.len()).unwrap(), 0, 0, 0, 0];
    assert_eq!(guard.read(&mut start, || now), start.len());
    guard.peeked(&own, now);
    assert_eq!((guard.inbox.backlog(), guard.round_trip()), (own.as_slice(), None));
}

#[test]
fn a_peer_whose_stream_is_over_hides_behind_nothing() {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    let half = guard.measure(b"\x82\x04ha", false);
    guard.wrote(half);
    let ping = guard.begin_ping(|| 1, now);
    guard.outbox.put_ping(&ping);
    for over in [false, true] {
        guard.looked(over, now);
        assert_eq!(guard.activity.inconclusive, !over);
    }
}

#[test]
fn a_ping_that_went_out_late_proves_nothing() {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    for (late, inconclusive) in [(0, false), (250, false), (251, true), (6000, true), (0, false)] {
        let number = guard.last_ping();
        let ping = guard.begin_ping(|| 1, now);
        assert_eq!(guard.last_ping(), number + 1);
        guard.sent_ping(now, now + Duration::from_millis(late));
        guard.looked(false, now);
        assert_eq!(guard.activity.inconclusive, inconclusive, "{late}");
        guard.looked(true, now);
        assert!(!guard.activity.inconclusive, "its stream is over");
        if late == 6000 {
            guard.peeked(&frame(0x8a, &ping), now);
            guard.looked(false, now);
            assert!(!guard.activity.inconclusive, "it was answered");
        }
    }
    guard.begin_ping(|| 1, now);
    guard.sent_ping(now, now + Duration::from_secs(1));
    guard.begin_ping(|| 1, now);
    guard.looked(false, now);
    assert!(!guard.activity.inconclusive, "it is about the last ping");
}

#[test]
fn a_second_look_is_for_the_deadline_that_was_late() {
    // A message that comes in time puts the deadline off, which is then late again.
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    guard.install_outermost(Box::new(Silence));
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    let after = |millis| now + Duration::from_millis(millis);
    guard.driver_wakes(after(2000));
    guard.judge_peer(after(2000));
    assert_eq!(guard.next(after(2000)), Next::Wait(Some(after(2050))));
    let mut message = frame(0x81, b"hello");
    guard.read(&mut message, || after(2010));
    guard.driver_wakes(after(2020));
    guard.driver_wakes(after(9000));
    assert!(guard.is_judging(after(9000)));
    guard.judge_peer(after(9000));
    assert_eq!(guard.next(after(9000)), Next::Wait(Some(after(9050))));
    guard.judge_peer(after(9050));
    assert!(guard.is_ending());
}

/// Closes a second after the last message.
struct Silence;

impl Policy for Silence {
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        Some(activity.last_message_in.or(activity.opened)? + Duration::from_secs(1))
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(close(3008))
    }
}

#[test]
fn a_verdict_that_is_itself_late_waits_for_a_second_look() {
    for (late, closed_after) in [(0, 700), (250, 950), (251, 1001), (3000, 3750)] {
        let mut rig = Rig::new(Some(Box::new(at(700, Action::Close(close(3008))))));
        rig.step(&Opens);
        rig.step(&HandlerIsBusy);
        // The process stands still.
        rig.now += Duration::from_millis(700 + late);
        rig.step(&Passes(0));
        rig.step(&Passes(200));
        let ended = format!("guard: 3008, after {} ms", closed_after + 50);
        assert_eq!(rig.told(), ["close 3008", "", &ended], "{late}");
    }
}
