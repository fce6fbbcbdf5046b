//! What policies are told, and what becomes of what they ask for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::rig::close;
use crate::{
    carrier::Carrier,
    frame::put_frame,
    guard::{Guard, Next},
    identity::Subject,
    policy::{Action, Activity, Interest, Policy},
    settings::{Framing, Settings},
};

const MS: Duration = Duration::from_millis(1);

/// Answers a sign-in, and is due after a second.
struct Asks {
    on_sign_in: Action,
    when_due: Action,
    watches_output: bool,
}

impl Default for Asks {
    fn default() -> Self {
        Self { on_sign_in: Action::None, when_due: Action::None, watches_output: false }
    }
}

impl Policy for Asks {
    fn on_authenticated(&mut self, _: &Subject) -> Action {
        self.on_sign_in.clone()
    }

    fn interest(&self) -> Interest {
        if self.watches_output { Interest::INPUT | Interest::OUTPUT } else { Interest::INPUT }
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        Some(activity.opened? + 1000 * MS)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        self.when_due.clone()
    }
}

fn alice() -> Subject {
    Subject::new("alice")
}

fn open() -> (Guard, Instant) {
    let (mut guard, now) = (Guard::new(Framing::Enforce), Instant::now());
    assert!(guard.open(Vec::new(), Carrier::Connection, now));
    (guard, now)
}

fn pings(on_sign_in: Action) -> Box<dyn Policy> {
    Box::new(Asks { on_sign_in, ..Asks::default() })
}

#[test]
fn settings_hold_from_the_moment_that_they_are_set() {
    let mut bad = Vec::new();
    put_frame(&mut bad, 0x83, b"", Some([0; 4]));
    let settings = Settings::new().framing(Framing::ReportOnly).quiet(7 * MS).grace(1000 * MS);
    let (mut guard, now) = open();
    guard.configure(&Arc::new(settings));
    assert_eq!(guard.read(&mut bad, || now), bad.len());
    assert_eq!(guard.counters().violations, 1);
    guard.close(close(1001), None, now);
    assert_eq!(guard.next(now), Next::Wait(Some(now + 7 * MS)));
}

#[test]
fn a_sign_in_is_told_and_what_it_asks_for_is_done() {
    let (mut guard, now) = open();
    guard.install(pings(Action::Ping), Some(&alice()), || now);
    assert!(guard.has_policies() && guard.outbox.is_empty(), "it is told with the others");
    guard.take_wakes();
    guard.authenticated(&alice(), now);
    assert_eq!(guard.outbox.unsent().len(), 10);
    assert!(guard.take_wakes().driver, "a deadline may have come nearer");
    // One that comes later is told as it comes.
    guard.install(pings(Action::None), Some(&alice()), || now);
    assert!(!guard.is_ending());
    guard.install(pings(Action::Close(close(1008))), Some(&alice()), || now);
    assert!(guard.is_ending());
}

#[test]
fn a_ping_goes_to_a_peer_that_may_answer_it() {
    let ping = |guard: &mut Guard, now| {
        guard.install(pings(Action::Ping), None, || now);
        guard.authenticated(&alice(), now);
        guard.outbox.unsent().to_vec()
    };
    let (mut guard, now) = open();
    assert_eq!(ping(&mut guard, now)[..2], *b"\x89\x08");
    let (mut ending, now) = open();
    ending.close(close(1001), None, now);
    assert_eq!(ping(&mut ending, now), b"", "it is being closed");
    let (mut closed, now) = open();
    closed.capture(b"\x88\x02\x03\xe8", || now);
    let sent = closed.outbox.unsent().len();
    closed.outbox.sent(sent);
    assert_eq!(ping(&mut closed, now), b"", "the handler has closed");
    let (mut slow, now) = open();
    slow.install(pings(Action::Ping), None, || now);
    for _ in 0..100 {
        slow.authenticated(&alice(), now);
    }
    assert_eq!(slow.outbox.unsent().len(), 520, "it does not read");
}

#[test]
fn pings_of_two_connections_cannot_be_told_by_each_others() {
    let [one, other] = [open(), open()].map(|(mut guard, now)| {
        guard.install(pings(Action::Ping), None, || now);
        guard.authenticated(&alice(), now);
        guard.outbox.unsent()[2..6].to_vec()
    });
    assert_ne!(one, other);
}

#[test]
fn only_messages_count_as_messages_and_only_where_somebody_watches() {
    for (watches_output, bytes, counts) in [
        (true, &b"\x81\x01a"[..], true),
        (true, b"\x89\x00", false),
        (true, b"\x8a\x00\x82\x00", true),
        (false, b"\x81\x01a", false),
    ] {
        let (mut guard, now) = open();
        guard.install(Box::new(Asks { watches_output, ..Asks::default() }), None, || now);
        let measure = guard.measure(bytes, false);
        guard.sent(measure, || now + MS);
        let expected = counts.then_some(now + MS);
        assert_eq!(guard.activity.last_message_out, expected, "{watches_output} {bytes:?}");
    }
}

#[test]
fn a_verdict_that_is_late_comes_at_the_second_look_and_not_before() {
    for (late, looks) in [(250, &[(0, true)][..]), (251, &[(0, false), (49, false), (50, true)])] {
        let (mut guard, now) = open();
        guard.install(Box::new(Asks { when_due: Action::Ping, ..Asks::default() }), None, || now);
        let late = now + (1000 + late) * MS;
        for (after, judged) in looks {
            guard.judge_peer(late + *after * MS);
            assert_eq!(!guard.outbox.is_empty(), *judged, "{after}");
        }
    }
}

#[cfg(any(feature = "metrics", feature = "observer", feature = "tracing"))]
#[test]
fn a_broken_rule_is_noted_once_however_the_frames_before_it_are_judged() {
    /// Is asked about frames one by one, and lets all of them pass.
    struct OneByOne;

    impl Policy for OneByOne {}

    for policies in 0..3 {
        let (mut guard, now) = open();
        for _ in 0..policies {
            guard.install(Box::new(OneByOne), None, || now);
        }
        let mut bytes = Vec::new();
        put_frame(&mut bytes, 0x81, b"q", Some([1, 2, 3, 4]));
        bytes.extend(b"\x81\x01x");
        guard.read(&mut bytes, || now);
        let report = format!("{:?}", guard.take_delta());
        assert!(report.contains(r#"violations: [(("framing", "close"), 1)]"#), "{policies} policies: {report}");
    }
}
