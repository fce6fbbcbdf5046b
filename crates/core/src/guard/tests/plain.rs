//! The plain case against the general path: both decide the same about any bytes in any pieces.

use std::{
    cell::RefCell,
    ops::Range,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{refunds::Charging, rig::close};
use crate::{
    carrier::Carrier,
    counters::Counters,
    frame::{FrameHeader, put_frame},
    guard::{
        Admitted, Guard, Measure, Next, Reads, Then,
        inbound::add_run,
        run::{Form, Run},
        stream::Stream,
    },
    policy::{Activity, Batch, BatchVerdict, Policy},
    settings::Framing,
};

/// Frames, most of them messages of their own, and sometimes bytes that are none. Payloads look like empty messages.
fn stream(masked: bool) -> impl Strategy<Value = Vec<u8>> {
    let message = (0x81..=0x82_u8, prop_oneof![4 => 0..130_usize, 1 => 130..400_usize]);
    let other = (prop::sample::select(vec![0x01, 0x02, 0x00, 0x80, 0x83, 0x88, 0x89, 0x8a, 0xc1]), 0..300_usize);
    let frame = prop_oneof![8 => message, 1 => other].prop_map(move |(first, len)| {
        let mut frame = Vec::new();
        let payload: Vec<u8> = [0x81, u8::from(masked) << 7].into_iter().cycle().take(len).collect();
        put_frame(&mut frame, first, &payload, masked.then_some([0; 4]));
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
        let general = judge(&bytes, &lens, script.as_deref(), start, Guard::admit_elements);
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

proptest! {
    #[test]
    fn a_write_is_measured_as_its_bytes_are(bytes in stream(false), lens in pieces()) {
        let now = Instant::now();
        let [mut whole, mut bytewise] = [guard(None, now), guard(None, now)];
        for piece in cut(&bytes, &lens) {
            let (one, mut other) = (whole.measure(&bytes[piece.clone()], false), bytewise.measure_start());
            for byte in bytes[piece].chunks(1) {
                other.extend(byte, false);
            }
            let seen = |measure: &Measure| (measure.pass, measure.close_follows, measure.has_data(), measure.messages);
            prop_assert_eq!(seen(&one), seen(&other));
            let closes = one.close_follows;
            whole.wrote(one);
            bytewise.wrote(other);
            let [one, other] = [&whole, &bytewise].map(|guard| &guard.outbound.decoder);
            prop_assert_eq!((one.at_boundary(), one.payload_left()), (other.at_boundary(), other.payload_left()));
            if closes {
                break;
            }
        }
    }
}

proptest! {
    #[test]
    fn a_run_is_the_batch_that_its_headers_make(bytes in stream(true)) {
        let run = guard(None, Instant::now()).first_run(&bytes);
        let (mut rest, mut expected, mut batch) = (&bytes[..run.bytes], Batch::default(), Batch::default());
        while let Some(header) = FrameHeader::parse(rest) {
            expected.add(&header);
            rest = &rest[header.len() + usize::try_from(header.payload_len()).unwrap()..];
        }
        add_run(&mut batch, &run);
        prop_assert_eq!(batch, expected);
    }
}

/// Lets everything pass, and is due when its script says, which a read may bring nearer.
struct Due {
    start: Instant,
    script: Vec<u8>,
    next: usize,
}

impl Policy for Due {
    fn on_batch(&mut self, _: &Batch, _: Instant) -> BatchVerdict {
        self.next += 1;
        BatchVerdict::Pass
    }

    fn deadline(&self, _: &Activity) -> Option<Instant> {
        let seconds = self.script[self.next % self.script.len()];
        (seconds >= 100).then(|| self.start + Duration::from_secs(seconds.into()))
    }
}

/// What a connection does that is read from: what is left to do behind a read is done, unless the read was plain.
struct Reading {
    guard: Guard,
    now: Instant,
}

impl Reading {
    fn new(due: Option<Vec<u8>>, script: Option<Vec<u8>>, start: Instant) -> Self {
        let due = due.map(|script| Box::new(Due { start, script, next: 0 }) as Box<dyn Policy>);
        let mut reading = Self { guard: guard(due, start), now: start };
        if let Some(script) = script {
            reading.guard.install_outermost(Box::new(Charging { charged: Arc::default(), script, next: 0 }));
        }
        reading.see_to();
        reading
    }

    /// As the shell does: spawns a driver or wakes it.
    fn see_to(&mut self) {
        let Self { guard, now } = self;
        let wakes = guard.take_wakes();
        drop(guard.take_delta());
        if guard.wants_driver(|| *now) || (guard.is_driven() && wakes.driver) {
            guard.driver_wakes(*now);
            if !matches!(guard.next(*now), Next::Wait(_)) {
                guard.driver_ends();
            }
        }
    }

    /// Presents a piece behind what waits. `None` where nothing is read any more.
    fn read(&mut self, piece: &[u8], judge: impl FnOnce(&mut Guard, &mut [u8]) -> usize) -> Option<Vec<u8>> {
        let Self { guard, .. } = self;
        if guard.reads() != Reads::Open {
            return None;
        }
        let mut data = guard.inbox.backlog().to_vec();
        guard.inbox.clear_backlog();
        data.extend_from_slice(piece);
        guard.begin_call();
        let delivered = judge(guard, &mut data);
        data.truncate(delivered);
        Some(data)
    }

    /// What shows.
    fn state(&self) -> String {
        let Guard { inbox, phase, closes, counters, activity, stream, wakes, .. } = &self.guard;
        // Behind the payload of a frame that was dropped, it says nothing any more.
        let stream = Stream { discarding: stream.discarding && stream.payload_left > 0, ..*stream };
        format!("{inbox:?} {phase:?} {closes:?} {counters:?} {activity:?} {stream:?} {wakes:?}")
    }
}

proptest! {
    #[test]
    fn a_read_comes_to_what_it_would_on_the_general_path_and_a_plain_one_leaves_nothing_to_see_to(
        bytes in stream(true),
        lens in pieces(),
        due in prop::option::of(prop::collection::vec(any::<u8>(), 1..20)),
        script in prop::option::of(prop::collection::vec(any::<u8>(), 1..20)),
    ) {
        let now = Instant::now();
        let [mut plain, mut general] = [(); 2].map(|()| Reading::new(due.clone(), script.clone(), now));
        for piece in cut(&bytes, &lens) {
            let piece = &bytes[piece];
            let one = plain.read(piece, |guard, data| guard.read(data, || now));
            let other = general.read(piece, |guard, data| {
                if guard.peer_has_said_all() {
                    return guard.read(data, || now);
                }
                let admission = guard.admit_elements(data, now);
                guard.follow(data, admission, guard.has_policies(), || now)
            });
            prop_assert_eq!(one, other);
            prop_assert_eq!(plain.state(), general.state());
            if plain.guard.was_plain() {
                prop_assert!(plain.guard.is_at_ease());
                let late = plain.guard.is_driven() && plain.guard.is_late_for(plain.guard.deadline());
                prop_assert!(!late);
            }
            plain.see_to();
            general.see_to();
        }
    }
}

/// Else the tests above would compare the general path with itself.
#[test]
fn whole_messages_are_plain() {
    let now = Instant::now();
    let guard = guard(None, now);
    for (first, len, more, masked, plain) in [
        (0x81, 0, 0, true, true),
        (0x82, 125, 0, true, true),
        (0x82, 126, 0, true, true),
        (0x81, 65_535, 5, true, true),
        (0x81, 65_536, 5, true, false),
        (0x81, 5, 5, true, true),
        (0x01, 5, 0, true, false),
        (0x02, 500, 0, true, false),
        (0x89, 5, 0, true, false),
        (0x89, 126, 0, true, false),
        (0x81, 5, 0, false, false),
        (0x81, 500, 0, false, false),
    ] {
        let mut frames = Vec::new();
        put_frame(&mut frames, first, &vec![0; len], masked.then_some([9; 4]));
        put_frame(&mut frames, 0x82, &vec![0; more], masked.then_some([9; 4]));
        let is_all = |data: &[u8]| guard.first_run(data).is_all_of(data);
        assert_eq!(is_all(&frames), plain, "{first:x} {len} {more} {masked}");
        frames.pop();
        assert!(!is_all(&frames), "{first:x} {len} {more} {masked}, cut short");
    }
    assert!(!guard.first_run(&[]).is_all_of(&[]));
    let mut written = Vec::new();
    put_frame(&mut written, 0x81, &[0; 125], None);
    put_frame(&mut written, 0x82, b"", None);
    put_frame(&mut written, 0x82, &[0; 300], None);
    assert_eq!(guard.plain_messages(&written), Some(3));
    assert_eq!(guard.plain_messages(&[]), None);
}

/// Every header of two bytes, against what RFC 6455, section 5.2, says of it.
#[test]
fn a_message_is_known_by_the_first_two_bytes_of_its_header() {
    // 256 bytes of payload, if a length of two bytes more is announced.
    let mut data = [0; 8 + 256];
    for header in 0..=u16::MAX {
        let [first, second] = header.to_be_bytes();
        data[..4].copy_from_slice(&[first, second, 1, 0]);
        let begins = matches!(first, 0x81 | 0x82);
        let len = usize::from(second & 0x7f);
        let [short, longer] = [len < 126, len == 126].map(|fits| begins && fits);
        let [masked, unmasked] = [second >= 0x80, second < 0x80];
        for (form, fits) in [(Form::MASKED, masked), (Form::UNMASKED, unmasked)] {
            let found = (form.short([first, second]), form.longer(&data));
            assert_eq!(found, ((short && fits).then_some(len), (longer && fits).then_some(256)), "{form:?} {header:x}");
        }
    }
}

/// With every end of the data, and lengths at both ends of what a form of header says.
#[test]
fn a_run_ends_with_the_last_message_that_is_whole() {
    for (form, mask, short) in [(Form::MASKED, Some([1, 2, 3, 4]), 6), (Form::UNMASKED, None, 2)] {
        for (one, other) in [(0, 0), (0, 1), (1, 0), (7, 125), (125, 3), (126, 2), (2, 300), (256, 126)] {
            let mut frames = Vec::new();
            put_frame(&mut frames, 0x81, &vec![0x81; one], mask);
            let between = frames.len();
            put_frame(&mut frames, 0x82, &vec![0x82; other], mask);
            for end in 0..=frames.len() {
                let longer = |messages: &[usize]| messages.iter().filter(|len| **len > 125).count();
                let run = match end {
                    _ if end == frames.len() => {
                        Run { messages: 2, longer: longer(&[one, other]), longest: one.max(other), bytes: end }
                    }
                    _ if end >= between => Run { messages: 1, longer: longer(&[one]), longest: one, bytes: between },
                    _ => Run::default(),
                };
                let found = form.run(&frames[..end]);
                assert_eq!(found, run, "{form:?}, {one} and {other} bytes, cut at {end}");
                let headers = short * found.messages + 2 * found.longer;
                assert_eq!(found.payload(form), found.bytes - headers);
            }
        }
    }
}

/// Behind other frames and behind the rest of one. Not where the first run has ended, and not in nothing.
#[test]
fn runs_are_looked_for_where_one_may_begin() {
    let now = Instant::now();
    let frame = |first| {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, b"abc", Some([0; 4]));
        frame
    };
    let (message, ping) = (frame(0x81), frame(0x89));
    let len = message.len();
    let mut guard = guard(None, now);
    for (frames, looked_at) in [
        (vec![&message[..], &ping], vec![]),
        (vec![&message, &ping, &message, &message], vec![2 * len]),
        (vec![&message, &message[..len - 1]], vec![]),
        (vec![&message[len - 1..], &message, &ping, &message, &ping[..2]], vec![2 * len + len + 2, len + 2]),
    ] {
        let (mut data, asked) = (frames.concat(), RefCell::new(Vec::new()));
        let run = guard.first_run(&data);
        let runs = |rest: &[u8]| {
            asked.borrow_mut().push(rest.len());
            Form::MASKED.run(rest)
        };
        guard.admit_by(&mut data, run, runs, now);
        assert_eq!(asked.into_inner(), looked_at, "{data:x?}");
    }
}

/// What looks like a message there is a part of a close frame, or is discarded, or must wait.
#[test]
fn nothing_is_plain_once_a_side_has_begun_to_close_or_a_frame_of_the_guards_own_waits() {
    let now = Instant::now();
    let plain =
        |guard: &Guard| [guard.reads_plainly(), guard.flushes_plainly(), guard.plain_messages(b"\x81\0").is_some()];
    let open = || guard(None, now);
    assert_eq!(plain(&open()), [true; 3]);

    let mut handler = open();
    assert_eq!(handler.capture(b"\x88", || now), 1);
    assert_eq!(plain(&handler), [false; 3], "the handler's close frame is incomplete");

    let mut peer = open();
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x88, b"", Some([0; 4]));
    assert_eq!(peer.read(&mut frame, || now), frame.len());
    assert_eq!(plain(&peer), [false; 3], "the peer has closed");

    let mut pinging = open();
    pinging.outbox.put_ping(b"");
    assert_eq!(plain(&pinging), [true, false, false], "a ping waits");

    let mut inside = open();
    let half = inside.measure(b"\x82\x05ab", false);
    inside.wrote(half);
    assert_eq!(plain(&inside), [true, true, false], "the handler is in a message");

    let mut closing = open();
    closing.close(close(1001), None, now);
    assert_eq!(plain(&closing), [false; 3], "a close is decided");
}
