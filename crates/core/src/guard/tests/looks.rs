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
    guard::{Guard, inbox::SIDE},
    policy::Action,
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
