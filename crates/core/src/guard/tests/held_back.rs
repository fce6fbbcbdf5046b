//! What is read of a delayed peer, and how much of it is held back.

use std::time::{Duration, Instant};

use super::rig::close;
use crate::{
    carrier::Carrier,
    close::CloseFrame,
    frame::{FrameHeader, put_frame},
    guard::{Guard, Next, Reads, inbox::HELD_BACK},
    policy::{Policy, Verdict},
    settings::Framing,
};

struct Delays(fn(Instant) -> Verdict);

impl Policy for Delays {
    fn on_frame(&mut self, _: &FrameHeader, now: Instant) -> Verdict {
        (self.0)(now + Duration::from_secs(1))
    }

    fn on_overflow(&mut self) -> CloseFrame {
        close(4008)
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, first, payload, Some([9, 8, 7, 6]));
    out
}

/// A frame of which so many bytes are there.
fn piece(bytes: usize) -> Vec<u8> {
    let mut frame = frame(0x82, &vec![7; 2 * HELD_BACK]);
    frame.truncate(bytes);
    frame
}

/// A connection on which this came first, and is delayed.
fn delayed(carrier: Carrier, first: Vec<u8>) -> (Guard, Instant) {
    delayed_by(Verdict::Delay, carrier, first)
}

fn delayed_by(verdict: fn(Instant) -> Verdict, carrier: Carrier, mut first: Vec<u8>) -> (Guard, Instant) {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    guard.install(Box::new(Delays(verdict)), None, || now);
    assert!(guard.open(Vec::new(), carrier, now));
    assert_eq!(guard.read(&mut first, || now), 0);
    (guard, now)
}

/// What the connection is closed with, if it is.
fn closed_with(mut guard: Guard, now: Instant) -> Option<CloseFrame> {
    let taken = guard.take_over(now)?;
    assert_eq!(guard.reads(), Reads::End);
    taken.ended.frame
}

#[test]
fn a_stream_is_read_on_while_it_is_delayed_and_a_connection_is_not() {
    for (carrier, reads_on) in [(Carrier::Stream, true), (Carrier::Connection, false)] {
        let (mut guard, now) = delayed(carrier, piece(9));
        assert_eq!((guard.reads(), guard.reads_on()), (Reads::Wait, reads_on), "{carrier:?}");
        assert!(guard.take_wakes().driver, "{carrier:?}");
        assert_eq!(guard.next(now), Next::Wait(Some(now + Duration::from_secs(1))));
        let over = now + Duration::from_secs(1);
        assert!(guard.end_delay(over));
        assert_eq!((guard.reads(), guard.reads_on()), (Reads::Open, false), "{carrier:?}");
    }
}

#[test]
fn a_stream_that_sends_more_than_is_held_back_is_closed_by_the_policy_that_delays_it() {
    for (first, more, closes) in [
        (9, HELD_BACK - 9, false),
        (9, HELD_BACK - 8, true),
        (HELD_BACK, 0, false),
        (HELD_BACK, 1, true),
        (HELD_BACK + 1, 0, true),
    ] {
        let (mut guard, now) = delayed(Carrier::Stream, piece(first));
        for _ in 0..more {
            guard.peeked(b"7", now);
        }
        assert_eq!(guard.reads_on(), !closes, "{first} and {more}");
        assert_eq!(guard.may_peek(), !closes, "{first} and {more}");
        assert_eq!(closed_with(guard, now), closes.then(|| close(4008)), "{first} and {more}");
    }
}

#[test]
fn a_stream_that_sends_too_much_is_closed_by_the_policy_that_asks_again() {
    let (guard, now) = delayed_by(Verdict::AskAgain, Carrier::Stream, piece(HELD_BACK + 1));
    assert_eq!(closed_with(guard, now), Some(close(4008)));
}

#[test]
fn a_connection_may_have_more_unjudged_than_a_stream() {
    let (mut guard, now) = delayed(Carrier::Connection, piece(HELD_BACK + 1));
    guard.looked(false, now);
    assert_eq!(closed_with(guard, now), None);
}

#[test]
fn answers_to_own_pings_take_no_room_of_what_is_held_back_and_are_seen_at_a_look() {
    let (mut guard, now) = delayed(Carrier::Stream, frame(0x81, b"delayed"));
    let pong = frame(0x8a, &guard.begin_ping(|| 1, now));
    guard.peeked(&pong, now);
    assert_eq!(guard.round_trip(), None, "nobody has looked");
    guard.looked(false, now);
    assert_eq!(guard.round_trip(), Some(Duration::ZERO));
    assert!(!guard.activity.inconclusive && guard.activity.has_unread_input);
    let pong = frame(0x8a, &guard.begin_ping(|| 1, now));
    guard.peeked(&pong, now);
    guard.peeked(&piece(HELD_BACK - guard.inbox.backlog().len() + pong.len()), now);
    assert!(guard.reads_on(), "without the pong it is no more than that");
    guard.peeked(b"7", now);
    assert!(!guard.reads_on());
}
