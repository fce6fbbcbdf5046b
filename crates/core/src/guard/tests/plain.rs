//! The plain case against the general path: both decide the same about any bytes in any pieces.

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::refunds::Charging;
use crate::{
    carrier::Carrier,
    counters::Counters,
    frame::put_frame,
    guard::{Admitted, Guard, Then},
    policy::{Activity, Policy},
    settings::Framing,
};

/// Frames, most of them whole short messages, and sometimes bytes that are none.
fn stream(masked: bool) -> impl Strategy<Value = Vec<u8>> {
    let message = (0x81..=0x82_u8, 0..130_usize);
    let other = (prop::sample::select(vec![0x01, 0x02, 0x00, 0x80, 0x83, 0x88, 0x89, 0x8a, 0xc1]), 0..300_usize);
    let frame = prop_oneof![8 => message, 1 => other].prop_map(move |(first, len)| {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, &vec![3; len], masked.then_some([1, 2, 3, 4]));
        frame
    });
    let noise = prop::collection::vec(any::<u8>(), 0..8);
    prop::collection::vec(prop_oneof![12 => frame, 1 => noise], 1..8).prop_map(|frames| frames.concat())
}

/// Whole frames as they come, or pieces of any length.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    let len = prop_oneof![1..20_usize, 100..400_usize];
    prop::collection::vec(len, 1..6)
}

fn cut(bytes: &[u8], lens: &[usize]) -> Vec<Range<usize>> {
    let (mut start, mut pieces) = (0, Vec::new());
    for len in lens.iter().cycle() {
        let end = bytes.len().min(start + len);
        pieces.push(start..end);
        start = end;
        if start == bytes.len() {
            break;
        }
    }
    pieces
}

fn guard(policy: Option<Box<dyn Policy>>, now: Instant) -> Guard {
    let mut guard = Guard::new(Framing::Enforce);
    if let Some(policy) = policy {
        guard.install_outermost(policy);
    }
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    guard
}

/// What one way of judging comes to, read by read.
type Seen = (Admitted, Vec<u8>, Counters, Activity, u64, i64);

fn judge(
    bytes: &[u8],
    lens: &[usize],
    script: Option<&[u8]>,
    start: Instant,
    admit: impl Fn(&mut Guard, &mut [u8], Instant) -> Admitted,
) -> Vec<Seen> {
    let charged = Arc::default();
    let charging = script.map(|script| Charging { charged: Arc::clone(&charged), script: script.to_vec(), next: 0 });
    let mut guard = guard(charging.map(|policy| Box::new(policy) as Box<dyn Policy>), start);
    let (mut now, mut waits, mut seen) = (start, Vec::new(), Vec::new());
    for piece in cut(bytes, lens) {
        waits.extend_from_slice(&bytes[piece]);
        loop {
            now += Duration::from_millis(1);
            let admission = admit(&mut guard, &mut waits, now);
            let delivered = waits[..admission.deliver].to_vec();
            waits.drain(..admission.rest);
            let (again, over) = (
                matches!(admission.then, Then::Delay(_)),
                matches!(admission.then, Then::Close(_) | Then::PeerClosed(_)),
            );
            let (activity, left) = (guard.activity, guard.inbound_payload_left());
            seen.push((admission, delivered, guard.counters(), activity, left, charged.load(Relaxed)));
            if over {
                return seen;
            }
            if !again {
                break;
            }
        }
    }
    seen
}

proptest! {
    #[test]
    fn what_is_read_is_judged_as_on_the_general_path(
        bytes in stream(true),
        lens in pieces(),
        script in prop::option::of(prop::collection::vec(any::<u8>(), 1..20)),
    ) {
        let start = Instant::now();
        let plain = judge(&bytes, &lens, script.as_deref(), start, Guard::admit);
        let general = judge(&bytes, &lens, script.as_deref(), start, Guard::admit_any);
        prop_assert_eq!(plain, general);
    }

    #[test]
    fn what_is_written_is_measured_as_on_the_general_path(bytes in stream(false), lens in pieces()) {
        let now = Instant::now();
        let [mut plain, mut general] = [guard(None, now), guard(None, now)];
        for piece in cut(&bytes, &lens) {
            let piece = &bytes[piece];
            let measure = general.measure(piece, false);
            match plain.plain_messages(piece) {
                Some(messages) => {
                    prop_assert_eq!((measure.pass, measure.close_follows), (piece.len(), false));
                    plain.sent_plainly(messages, piece.len(), || now);
                }
                None => plain.sent(measure.clone(), || now),
            }
            let closes = measure.close_follows;
            general.sent(measure, || now);
            prop_assert_eq!(plain.counters(), general.counters());
            prop_assert_eq!(format!("{:?}", plain.outbound), format!("{:?}", general.outbound));
            if closes {
                break;
            }
        }
    }
}

/// Else the tests above would compare the general path with itself.
#[test]
fn whole_short_messages_are_plain() {
    let now = Instant::now();
    let guard = guard(None, now);
    for (first, len, more, masked, plain) in [
        (0x81, 0, 0, true, true),
        (0x82, 125, 0, true, true),
        (0x82, 126, 0, true, false),
        (0x81, 5, 5, true, true),
        (0x01, 5, 0, true, false),
        (0x89, 5, 0, true, false),
        (0x81, 5, 0, false, false),
    ] {
        let mut frames = Vec::new();
        put_frame(&mut frames, first, &vec![0; len], masked.then_some([9; 4]));
        put_frame(&mut frames, 0x82, &vec![0; more], masked.then_some([9; 4]));
        assert_eq!(guard.whole_messages(&frames).is_some(), plain, "{first:x} {len} {more} {masked}");
        frames.pop();
        assert!(guard.whole_messages(&frames).is_none(), "{first:x} {len} {more} {masked}, cut short");
    }
    assert!(guard.whole_messages(&[]).is_none());
    let mut written = Vec::new();
    put_frame(&mut written, 0x81, &[0; 125], None);
    put_frame(&mut written, 0x82, b"", None);
    assert_eq!(guard.plain_messages(&written), Some(2));
    assert_eq!(guard.plain_messages(&[]), None);
}
