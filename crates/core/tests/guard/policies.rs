//! What policies may do to a live connection, on a paused clock.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame, GuardedIo,
    frame::{FrameHeader, Opcode, put_frame},
    internal::{Guard, Then},
    policy::{Action, Activity, Batch, BatchVerdict, Interest, Policy, Verdict},
    settings::{Framing, Settings},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const SECOND: Duration = Duration::from_secs(1);

/// What a policy was asked and told.
#[derive(Default)]
struct Log {
    asked: usize,
    charged: i64,
    pongs: usize,
}

#[derive(Default)]
struct Scripted {
    log: Arc<Mutex<Log>>,
    batches: bool,
    verdict: Option<fn(&FrameHeader, Instant) -> Verdict>,
    deadline: Option<(Instant, Action)>,
}

impl Policy for Scripted {
    fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
        if !self.batches {
            return BatchVerdict::OneByOne;
        }
        self.log.lock().unwrap().charged += i64::from(batch.frames());
        BatchVerdict::Pass
    }

    fn on_frame(&mut self, frame: &FrameHeader, now: Instant) -> Verdict {
        let mut log = self.log.lock().unwrap();
        log.asked += 1;
        log.charged += 1;
        self.verdict.map_or(Verdict::Pass, |verdict| verdict(frame, now))
    }

    fn on_refund(&mut self, batch: &Batch) {
        self.log.lock().unwrap().charged -= i64::from(batch.frames());
    }

    fn on_pong(&mut self, _: Duration, _: Instant) {
        self.log.lock().unwrap().pongs += 1;
    }

    fn deadline(&self, _: &Activity) -> Option<Instant> {
        self.deadline.as_ref().map(|(at, _)| *at)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        self.deadline.take().map_or(Action::None, |(_, action)| action)
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, first, payload, Some([0; 4]));
    out
}

fn judged(verdict: fn(&FrameHeader, Instant) -> Verdict) -> Scripted {
    Scripted { verdict: Some(verdict), ..Scripted::default() }
}

fn guarded(policy: Scripted) -> (GuardedIo<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(65_536);
    (GuardedIo::new(near, &Settings::default(), vec![Box::new(policy)]).0, far)
}

fn drop_text(frame: &FrameHeader, _: Instant) -> Verdict {
    if frame.opcode() == Opcode::TEXT { Verdict::Drop } else { Verdict::Pass }
}

fn delay(_: &FrameHeader, now: Instant) -> Verdict {
    Verdict::Delay(now + SECOND)
}

#[tokio::test(start_paused = true)]
async fn a_delay_loses_nothing_and_asks_once_a_frame() {
    let policy = judged(delay);
    let log = policy.log.clone();
    let (mut io, mut far) = guarded(policy);
    let bytes = [frame(0x81, b"one"), frame(0x82, b"two"), frame(0x89, b"three")].concat();
    far.write_all(&bytes).await.unwrap();
    let (start, mut read) = (now(), vec![0; bytes.len()]);
    io.read_exact(&mut read[..9]).await.unwrap();
    assert!((SECOND..SECOND * 11 / 10).contains(&(now() - start)));
    io.read_exact(&mut read[9..]).await.unwrap();
    assert!((SECOND * 3..SECOND * 31 / 10).contains(&(now() - start)));
    assert_eq!((read, log.lock().unwrap().asked), (bytes, 3));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_goes_with_its_fragments_and_leaves_control_frames() {
    let (mut io, mut far) = guarded(judged(drop_text));
    let (ping, kept) = (frame(0x89, b"p"), frame(0x82, b"kept"));
    let bytes = [frame(0x01, b"a"), ping.clone(), frame(0x00, b""), frame(0x80, b"b"), kept.clone()].concat();
    for piece in bytes.chunks(3) {
        far.write_all(piece).await.unwrap();
    }
    far.shutdown().await.unwrap();
    let mut read = Vec::new();
    io.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, [ping, kept].concat());
}

#[tokio::test(start_paused = true)]
async fn a_close_is_sent_though_nobody_polls() {
    let deadline = Some((now() + SECOND, Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "late"))));
    let (_io, mut far) = guarded(Scripted { deadline, ..Scripted::default() });
    let mut heard = [0; 8];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"\x88\x06\x03\xf0late");
}

#[tokio::test(start_paused = true)]
async fn a_verdict_to_close_delivers_what_was_admitted_before() {
    let (mut io, mut far) = guarded(judged(|frame, _| match frame.opcode() {
        Opcode::TEXT => Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "")),
        _ => Verdict::Pass,
    }));
    let kept = frame(0x82, b"kept");
    far.write_all(&[kept.clone(), frame(0x81, b"no")].concat()).await.unwrap();
    let mut read = vec![0; kept.len()];
    io.read_exact(&mut read).await.unwrap();
    assert_eq!(read, kept);
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"\x88\x02\x03\xf0");
}

#[tokio::test(start_paused = true)]
async fn an_abort_ends_the_connection_without_a_close_frame() {
    let deadline = Some((now() + SECOND, Action::Abort));
    let (mut io, mut far) = guarded(Scripted { deadline, ..Scripted::default() });
    assert!(io.read(&mut [0; 300]).await.is_err());
    assert_eq!(far.read(&mut [0; 9]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_ping_waits_for_a_boundary_and_its_pong_is_not_shown() {
    let policy = Scripted { deadline: Some((now() + SECOND, Action::Ping)), ..Scripted::default() };
    let log = policy.log.clone();
    let (mut io, mut far) = guarded(policy);
    io.write_all(b"\x82\x02h").await.unwrap();
    tokio::time::sleep(SECOND * 2).await;
    io.write_all(b"i").await.unwrap();
    io.flush().await.unwrap();
    let mut heard = [0; 14];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard[..6], b"\x82\x02hi\x89\x08");
    let kept = frame(0x81, b"kept");
    far.write_all(&[frame(0x8a, &heard[6..]), kept.clone()].concat()).await.unwrap();
    far.shutdown().await.unwrap();
    let mut read = Vec::new();
    io.read_to_end(&mut read).await.unwrap();
    assert_eq!((read, log.lock().unwrap().pongs), (kept, 1));
}

/// Pings after a second, and closes a second after the answer.
struct Unseeing {
    deadline: Instant,
    asked: bool,
}

impl Policy for Unseeing {
    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn on_frame(&mut self, _: &FrameHeader, _: Instant) -> Verdict {
        panic!("it judges none")
    }

    fn on_pong(&mut self, _: Duration, now: Instant) {
        self.deadline = now + SECOND;
    }

    fn deadline(&self, _: &Activity) -> Option<Instant> {
        Some(self.deadline)
    }

    fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
        if self.asked {
            return Action::Close(CloseFrame::empty());
        }
        *self = Self { deadline: now + SECOND * 1000, asked: true };
        Action::Ping
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_judges_no_frame_is_asked_about_none_and_minds_a_pong() {
    let (io, mut far) = duplex(4096);
    let policies: Vec<Box<dyn Policy>> = vec![
        Box::new(Unseeing { deadline: now() + SECOND, asked: false }),
        Box::new(judged(drop_text)),
        Box::new(Unseeing { deadline: now() + SECOND * 5000, asked: true }),
    ];
    let (mut io, _connection) = GuardedIo::new(io, &Settings::default(), policies);
    let mut heard = [0; 10];
    far.read_exact(&mut heard).await.unwrap();
    let kept = frame(0x82, b"kept");
    far.write_all(&[frame(0x81, b"no"), kept.clone(), frame(0x8a, &heard[2..])].concat()).await.unwrap();
    let mut read = vec![0; kept.len()];
    io.read_exact(&mut read).await.unwrap();
    assert_eq!(read, kept);
    let asked = now();
    far.read_exact(&mut [0; 2]).await.unwrap();
    assert!(now() - asked < SECOND * 3, "{:?}", now() - asked);
}

/// What the outer of two policies is left charged with, once the inner has judged two frames.
fn left_charged(batches: bool, verdict: fn(&FrameHeader, Instant) -> Verdict) -> i64 {
    let outer = Scripted { batches, ..Scripted::default() };
    let log = outer.log.clone();
    let mut guard = Guard::new(Framing::Enforce);
    guard.install_outermost(Box::new(judged(verdict)));
    guard.install_outermost(Box::new(outer));
    guard.admit(&mut [frame(0x81, b"one"), frame(0x82, b"two")].concat(), Instant::now());
    log.lock().unwrap().charged
}

#[test]
fn outer_policies_get_back_what_was_not_delivered() {
    for batches in [false, true] {
        assert_eq!(left_charged(batches, drop_text), 1, "dropped");
        assert_eq!(left_charged(batches, delay), 1, "the delayed frame stays charged, what follows it does not");
        assert_eq!(left_charged(batches, |_, _| Verdict::Close(CloseFrame::empty())), 0, "closed");
    }
}

#[test]
fn a_frame_that_is_dropped_after_a_delay_is_refunded_in_front_of_it() {
    for batches in [false, true] {
        let outer = Scripted { batches, ..Scripted::default() };
        let log = outer.log.clone();
        let mut guard = Guard::new(Framing::Enforce);
        guard.install_outermost(Box::new(judged(drop_text)));
        guard.install_outermost(Box::new(judged(delay)));
        guard.install_outermost(Box::new(outer));
        let mut data = frame(0x81, b"one");
        assert!(matches!(guard.admit(&mut data, Instant::now()).then, Then::Delay(_)));
        assert_eq!(guard.admit(&mut data, Instant::now()).deliver, 0);
        assert_eq!(log.lock().unwrap().charged, 0);
    }
}

#[test]
fn a_message_on_a_compressed_connection_is_refused_and_not_dropped() {
    let mut guard = Guard::new(Framing::Enforce);
    guard.allow_compression();
    guard.install_outermost(Box::new(judged(drop_text)));
    let admission = guard.admit(&mut frame(0xc1, b"one"), Instant::now());
    let Then::End(close) = admission.then else { panic!("{admission:?}") };
    assert!(close.contains("1008"), "{close}");
}

#[test]
fn a_violation_that_comes_in_pieces_is_counted_once() {
    let mut guard = Guard::new(Framing::ReportOnly);
    let mut ping = [0x89, 2, 1, 2];
    assert_eq!(guard.admit(&mut ping[..3], Instant::now()).deliver, 0);
    assert_eq!(guard.admit(&mut ping, Instant::now()).deliver, 4);
    assert_eq!(guard.violations(), 1);
}

/// Learns who the peer is, and then has a deadline, or asks for a ping.
struct Learning {
    log: Arc<Mutex<Vec<String>>>,
    answer: Action,
    deadline: Option<Instant>,
}

impl Policy for Learning {
    fn on_authenticated(&mut self, subject: &portcullis_core::identity::Subject) -> Action {
        self.log.lock().unwrap().push(subject.as_str().to_owned());
        self.deadline = Some(tokio::time::Instant::now().into_std() + SECOND);
        self.answer.clone()
    }

    fn deadline(&self, _: &Activity) -> Option<Instant> {
        self.deadline
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(CloseFrame::new(CloseCode::TIMEOUT, "late"))
    }
}

#[tokio::test(start_paused = true)]
async fn every_policy_learns_the_subject_and_a_nearer_deadline_counts() {
    let (mut peer, io) = duplex(4096);
    let log = Arc::new(Mutex::new(Vec::new()));
    let far = Some(tokio::time::Instant::now().into_std() + SECOND * 1000);
    let policy = |answer| -> Box<dyn Policy> { Box::new(Learning { log: log.clone(), answer, deadline: far }) };
    let policies = vec![policy(Action::Ping), policy(Action::None)];
    let (guarded, connection) = GuardedIo::new(io, &Settings::default(), policies);
    // Somebody keeps the far deadline already.
    tokio::time::sleep(SECOND).await;
    connection.authenticate(&portcullis_core::identity::Subject::new("alice")).unwrap();
    assert_eq!(*log.lock().unwrap(), ["alice", "alice"]);
    let began = tokio::time::Instant::now();
    let mut seen = [0; 18];
    peer.read_exact(&mut seen).await.unwrap();
    assert_eq!((seen[0], &seen[10..]), (0x89, &b"\x88\x06\x0b\xc0late"[..]), "a ping, and the close");
    assert!(began.elapsed() < SECOND * 3, "{:?}", began.elapsed());
    drop(guarded);
}

/// Closes when the handler has said nothing for ten seconds.
struct Listens;

impl Policy for Listens {
    fn interest(&self) -> Interest {
        Interest::INPUT | Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        activity.last_message_out.or(activity.opened).map(|last| last + SECOND * 10)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        Action::Close(CloseFrame::new(CloseCode::TIMEOUT, ""))
    }
}

/// Whether a handler that writes one of these after another, one a second, is heard.
async fn is_heard(writes: &[&[u8]]) -> bool {
    let (_peer, io) = duplex(4096);
    let (mut guarded, _connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(Listens)]);
    for write in writes.iter().cycle().take(30) {
        if guarded.write_all(write).await.is_err() {
            return false;
        }
        tokio::time::sleep(SECOND).await;
    }
    true
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_heard_by_any_part_of_a_message_and_by_no_part_of_a_pong() {
    for (writes, heard) in [
        (&[b"\x82\x02hi".as_slice()][..], true),
        (&[b"\x82", b"\x02", b"hi"], true),
        // Further fragments of a message, each whole.
        (&[b"\x00\x02hi"], true),
        (&[b"\x8a\x02hi"], false),
        (&[b"\x8a\x02", b"hi"], false),
    ] {
        assert_eq!(is_heard(writes).await, heard, "{writes:?}");
    }
}
