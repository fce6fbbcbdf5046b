//! How a connection closes, as a table: who begins, in which phase, what the other side and the handler do meanwhile,
//! and which timers pass, with what each side reads and how the connection has ended.

use super::rig::{
    Rig, Scripted,
    Step::{
        self, Aborts, Closes, ClosesPatiently, Finishes, Handler, HandlerDrops, HandlerIsBusy, HandlerPanics,
        HandlerRaw, HandlerShutsDown, Opens, Passes, Peer, PeerEnds, PeerRaw, PeerResets, StandsStill, Supervised,
    },
    at, close, delays,
};
use crate::policy::{Action, Policy};

/// A name, a policy, what happens, and what the peer reads, what the handler reads, and how it ended.
type Row = (&'static str, Option<Scripted>, Vec<Step>, [&'static str; 3]);

#[track_caller]
fn check(rows: Vec<Row>) {
    for (name, policy, steps, expected) in rows {
        let mut rig = Rig::new(policy.map(|policy| -> Box<dyn Policy> { Box::new(policy) }));
        for step in &steps {
            rig.step(step);
        }
        assert_eq!(rig.told(), expected, "{name}: {steps:?}");
    }
}

#[test]
fn the_guard_closes() {
    check(vec![
        (
            "an idle handler is waited for as long as it must be quiet",
            None,
            vec![Opens, Closes(1008, None), Passes(49)],
            ["", "", "no end"],
        ),
        (
            "then both sides read the close",
            None,
            vec![Opens, Closes(1008, None), Passes(50)],
            ["close 1008", "close 1008, end", "guard: 1008, after 50 ms"],
        ),
        (
            "an answer goes out first, and moves the end",
            None,
            vec![Opens, Peer(0x81, b"q"), Closes(1008, None), Passes(30), Handler(0x81, b"a"), Passes(50)],
            ["a, close 1008", "q, close 1008, end", "guard: 1008, after 80 ms"],
        ),
        (
            "a handler that never pauses is stopped between two frames, in time for the grace",
            None,
            [vec![Opens, Closes(1008, Some(100))], [Handler(0x81, b"a"), Passes(40)].repeat(3)].concat(),
            ["a, a, close 1008", "close 1008, end", "guard: 1008, after 75 ms"],
        ),
        (
            "late in the grace it may finish the frame it is in, and begins no other",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, Some(100)), Passes(80), HandlerRaw(b"b\x81\x01c")],
            ["ab, close 1008", "close 1008, blocked, end", "guard: 1008, after 80 ms"],
        ),
        (
            "half a frame is waited for",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, None), Passes(500), HandlerRaw(b"b"), Passes(50)],
            ["ab, close 1008", "close 1008, end", "guard: 1008, after 550 ms"],
        ),
        (
            "but not for ever: there is no place for a close inside of it",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, None), Passes(1000)],
            ["half a frame", "close 1008, end", "guard: 1008, cut short, after 1000 ms"],
        ),
        (
            "a handler in the middle of the peer's frame reads the end alone",
            None,
            vec![Opens, PeerRaw(b"\x81\x82\0\0\0\0q"), Closes(1008, None), Passes(50)],
            ["close 1008", "half a frame, end", "guard: 1008, after 50 ms"],
        ),
        (
            "the first close counts",
            None,
            vec![Opens, Closes(1008, None), Closes(1001, None), Passes(50)],
            ["close 1008", "close 1008, end", "guard: 1008, after 50 ms"],
        ),
        (
            "without grace it is taken at once",
            None,
            vec![Opens, Closes(1001, Some(0))],
            ["close 1001", "close 1001, end", "guard: 1001, after 0 ms"],
        ),
        (
            "with more patience it is taken later",
            None,
            vec![Opens, ClosesPatiently(1001, 400, 2000), Passes(399), Handler(0x81, b"a"), Passes(400)],
            ["a, close 1001", "close 1001, end", "guard: 1001, after 799 ms"],
        ),
        (
            "with less than is set, as set",
            None,
            vec![Opens, ClosesPatiently(1001, 1, 1), Passes(50)],
            ["close 1001", "close 1001, end", "guard: 1001, after 50 ms"],
        ),
        (
            "a handler that is busy is not waited for",
            None,
            vec![Opens, HandlerIsBusy, Peer(0x81, b"q"), Closes(1008, None), Passes(50)],
            ["close 1008", "", "guard: 1008, after 50 ms"],
        ),
    ]);
}

#[test]
fn a_handler_has_its_time_for_the_last_frame_though_the_process_stood_still() {
    let half = [Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, Some(100))];
    let after = |steps: &[Step]| [&half, steps].concat();
    let row = |name, steps: &[Step], peer, ended| (name, None, after(steps), [peer, "close 1008, end", ended]);
    check(vec![
        row(
            "over the whole grace",
            &[StandsStill(300), Passes(24), HandlerRaw(b"b")],
            "ab, close 1008",
            "guard: 1008, after 324 ms",
        ),
        row(
            "over three quarters of it and a little more",
            &[StandsStill(90), Passes(24), HandlerRaw(b"b")],
            "ab, close 1008",
            "guard: 1008, after 114 ms",
        ),
        row(
            "over the last quarter",
            &[Passes(80), StandsStill(300), Passes(24), HandlerRaw(b"b")],
            "ab, close 1008",
            "guard: 1008, after 404 ms",
        ),
        row(
            "but it gets no more than that",
            &[StandsStill(300), Passes(25)],
            "half a frame",
            "guard: 1008, cut short, after 325 ms",
        ),
        row(
            "once for the last quarter",
            &[Passes(80), StandsStill(300), StandsStill(300)],
            "half a frame",
            "guard: 1008, cut short, after 680 ms",
        ),
        row(
            "and not for a delay that is no more than usual",
            &[Passes(80), StandsStill(45)],
            "half a frame",
            "guard: 1008, cut short, after 125 ms",
        ),
        (
            "a second at most",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, Some(20_000)), StandsStill(20_000), Passes(1000)],
            ["half a frame", "close 1008, end", "guard: 1008, cut short, after 21000 ms"],
        ),
        (
            "which leaves a long grace as it is",
            None,
            vec![
                Opens,
                HandlerRaw(b"\x81\x02a"),
                Closes(1008, Some(20_000)),
                StandsStill(16_000),
                Passes(3999),
                HandlerRaw(b"b"),
            ],
            ["ab, close 1008", "close 1008, end", "guard: 1008, after 19999 ms"],
        ),
        (
            "none where it is between two frames",
            None,
            vec![Opens, Closes(1008, Some(100)), StandsStill(300)],
            ["close 1008", "close 1008, end", "guard: 1008, after 300 ms"],
        ),
        (
            "none where the grace was ended",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, None), HandlerDrops],
            ["half a frame", "", "guard: 1008, cut short, after 0 ms"],
        ),
    ]);
}

#[test]
fn the_guard_closes_for_what_the_peer_did() {
    check(vec![
        (
            "what a broken rule follows is delivered, and the rest is not",
            None,
            vec![Opens, Peer(0x81, b"q"), PeerRaw(b"\x81\x01x"), Peer(0x81, b"never"), Passes(50)],
            [
                "close 1002 client frame is not masked",
                "q, close 1002 client frame is not masked, end",
                "guard: 1002 client frame is not masked, after 50 ms",
            ],
        ),
        (
            "a policy's deadline",
            Some(at(700, Action::Close(close(3008)))),
            vec![Opens, Passes(750)],
            ["close 3008", "close 3008, end", "guard: 3008, after 750 ms"],
        ),
        (
            "what is delayed is not waited for",
            Some(delays(10_000)),
            vec![Opens, Peer(0x81, b"q"), Closes(1001, None), Passes(50)],
            ["close 1001", "close 1001, end", "guard: 1001, after 50 ms"],
        ),
        (
            "a ping that waits behind half a frame goes out in front of the close",
            Some(at(10, Action::Ping)),
            vec![Opens, HandlerRaw(b"\x81\x02a"), Passes(10), Closes(1001, None), HandlerRaw(b"b"), Passes(50)],
            ["ab, ping, close 1001", "close 1001, end", "guard: 1001, after 60 ms"],
        ),
    ]);
}

#[test]
fn the_guard_aborts() {
    check(vec![
        ("an open connection", None, vec![Opens, Aborts], ["", "error", "guard: no frame, cut short, after 0 ms"]),
        (
            "one that is ending",
            None,
            vec![Opens, Closes(1008, None), Passes(10), Aborts],
            ["", "error", "guard: no frame, cut short, after 10 ms"],
        ),
        (
            "one that was taken is its taker's to end",
            None,
            vec![Opens, Closes(1008, Some(0)), Aborts],
            ["close 1008", "close 1008, end", "guard: 1008, after 0 ms"],
        ),
        (
            "a policy",
            Some(at(5, Action::Abort)),
            vec![Opens, Passes(5)],
            ["", "error", "guard: no frame, cut short, after 5 ms"],
        ),
    ]);
}

#[test]
fn an_end_is_asked_for_before_the_upgrade_has_completed() {
    check(vec![
        (
            "a close is carried out as soon as it has",
            None,
            vec![Closes(1001, None), Passes(500), Opens, Passes(50)],
            ["close 1001", "close 1001, end", "guard: 1001, after 550 ms"],
        ),
        (
            "the first counts, with its own grace",
            None,
            vec![Closes(1001, Some(0)), Closes(1008, None), Opens],
            ["close 1001", "close 1001, end", "guard: 1001, after 0 ms"],
        ),
        ("an abort, too", None, vec![Aborts, Opens], ["", "error", "guard: no frame, cut short, after 0 ms"]),
        (
            "an abort replaces a close",
            None,
            vec![Closes(1001, None), Aborts, Opens],
            ["", "error", "guard: no frame, cut short, after 0 ms"],
        ),
        (
            "a handler that is gone before gets nothing",
            None,
            vec![HandlerDrops, Opens],
            ["", "not opened", "transport: no frame, after 0 ms"],
        ),
    ]);
}

#[test]
fn the_handler_closes() {
    check(vec![
        (
            "and drops its socket when the peer has answered",
            None,
            vec![Opens, Handler(0x88, b"\x0f\xa1bye"), Peer(0x88, b"\x0f\xa1"), HandlerDrops],
            ["close 4001 bye", "close 4001", "handler: 4001 bye, after 0 ms"],
        ),
        (
            "and writes on, which fails",
            None,
            vec![Opens, Handler(0x88, b"\x03\xe8"), Handler(0x81, b"a")],
            ["close 1000", "broken", "no end"],
        ),
        (
            "with a code that may not be sent",
            None,
            vec![Opens, Handler(0x88, b"\x03\xee"), HandlerDrops],
            ["close 1011", "", "handler: 1011, after 0 ms"],
        ),
        (
            "with the code that says that there is none",
            None,
            vec![Opens, Handler(0x88, b"\x03\xed"), HandlerDrops],
            ["close no code", "", "handler: no code, after 0 ms"],
        ),
        (
            "in pieces",
            None,
            vec![Opens, HandlerRaw(b"\x88"), HandlerRaw(b"\x02\x03"), HandlerRaw(b"\xe8"), HandlerDrops],
            ["close 1000", "", "handler: 1000, after 0 ms"],
        ),
        (
            "while the guard closes: the peer reads the guard's",
            None,
            vec![Opens, Closes(1008, None), Passes(10), Handler(0x88, b"\x03\xe8")],
            ["close 1008", "close 1008, end", "guard: 1008, after 10 ms"],
        ),
        (
            "before the guard does: the peer reads the handler's",
            None,
            vec![Opens, Handler(0x88, b"\x03\xe8"), Closes(1008, None), Passes(50)],
            ["close 1000", "close 1000, end", "guard: 1000, after 50 ms"],
        ),
        (
            "by dropping its socket, whatever that means",
            None,
            vec![Opens, HandlerDrops],
            ["close no code", "", "handler: no code, after 0 ms"],
        ),
        (
            "by dropping it while the guard closes",
            None,
            vec![Opens, Closes(1008, None), Passes(10), HandlerDrops],
            ["close 1008", "", "guard: 1008, after 10 ms"],
        ),
        (
            "by dropping it in the middle of a frame",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), HandlerDrops],
            ["half a frame", "", "handler: no code, cut short, after 0 ms"],
        ),
        (
            "by a panic",
            None,
            vec![Opens, HandlerPanics],
            ["close 1011 internal error", "", "handler: 1011 internal error, after 0 ms"],
        ),
        (
            "by ending its side",
            None,
            vec![Opens, HandlerShutsDown, HandlerDrops],
            ["close no code", "", "handler: no code, after 0 ms"],
        ),
        (
            "by ending its side in the middle of a frame",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), HandlerShutsDown, HandlerDrops],
            ["half a frame", "", "handler: no code, cut short, after 0 ms"],
        ),
    ]);
}

#[test]
fn a_supervised_handler_says_what_its_end_means() {
    check(vec![
        (
            "behind its socket",
            None,
            vec![Opens, Supervised, HandlerDrops, Passes(500), Finishes(4404)],
            ["close 4404", "", "handler: 4404, after 500 ms"],
        ),
        (
            "in front of it: somebody else has the socket",
            None,
            vec![Opens, Supervised, Finishes(4404), Passes(50)],
            ["close 4404", "close 4404, end", "handler: 4404, after 50 ms"],
        ),
        (
            "a panic is for the supervisor to tell",
            None,
            vec![Opens, Supervised, HandlerPanics, Finishes(1011)],
            ["close 1011", "", "handler: 1011, after 0 ms"],
        ),
        (
            "the peer's close is answered all the same",
            None,
            vec![Opens, Supervised, Peer(0x88, b"\x03\xe9"), HandlerDrops, Finishes(4404)],
            ["close 1001", "close 1001", "peer: 1001, after 0 ms"],
        ),
        (
            "a close of its own stands",
            None,
            vec![Opens, Supervised, Handler(0x88, b"\x0f\xa1"), HandlerDrops, Finishes(1000)],
            ["close 4001", "", "handler: 4001, after 0 ms"],
        ),
        (
            "the guard was first",
            None,
            vec![Opens, Supervised, Closes(1008, None), Passes(50), HandlerDrops, Finishes(1000)],
            ["close 1008", "close 1008, end", "guard: 1008, after 50 ms"],
        ),
    ]);
}

#[test]
fn the_peer_closes() {
    check(vec![
        (
            "and the library answers",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8done"), Handler(0x88, b"\x03\xe8"), HandlerDrops],
            ["close 1000", "close 1000 done", "peer: 1000, after 0 ms"],
        ),
        (
            "and the handler drops its socket without an answer",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8done"), HandlerDrops],
            ["close 1000 done", "close 1000 done", "peer: 1000 done, after 0 ms"],
        ),
        (
            "and the handler still answers a message",
            None,
            vec![Opens, Peer(0x81, b"q"), Peer(0x88, b""), Handler(0x81, b"a"), HandlerDrops],
            ["a, close no code", "q, close no code", "peer: no code, after 0 ms"],
        ),
        (
            "and sends on, which nobody reads",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8"), Peer(0x81, b"more"), HandlerDrops],
            ["close 1000", "close 1000", "peer: 1000, after 0 ms"],
        ),
        (
            "with one byte: the library's answer is replaced",
            None,
            vec![Opens, Peer(0x88, b"\x03"), Handler(0x88, b"\x03\xe8"), HandlerDrops],
            [
                "close 1002 close frame of one byte",
                "malformed close: a payload of one byte",
                "peer: 1002 close frame of one byte, after 0 ms",
            ],
        ),
        (
            "with a reason that is not UTF-8: the handler drops its socket",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8\xff"), HandlerDrops],
            [
                "close 1007 close reason is not UTF-8",
                "malformed close: the reason is not UTF-8",
                "peer: 1007 close reason is not UTF-8, after 0 ms",
            ],
        ),
        (
            "before a policy does: it is told what it said",
            Some(at(10, Action::Close(close(3008)))),
            vec![Opens, Peer(0x88, b"\x03\xe8"), Passes(60)],
            ["close 1000", "close 1000, end", "guard: 1000, after 60 ms"],
        ),
        (
            "while a busy handler is being closed: it is answered with the guard's",
            None,
            vec![Opens, HandlerIsBusy, Closes(1008, None), Peer(0x88, b"\x03\xe8"), Passes(50)],
            ["close 1008", "", "guard: 1008, after 50 ms"],
        ),
    ]);
}

#[test]
fn the_transport_ends() {
    check(vec![
        (
            "without a close: the handler reads the end, and drops its socket",
            None,
            vec![Opens, Peer(0x81, b"q"), PeerEnds, HandlerDrops],
            ["close no code", "q, end", "transport: no frame, after 0 ms"],
        ),
        (
            "in the middle of a header, which the library may see",
            None,
            vec![Opens, PeerRaw(b"\x81"), PeerEnds, HandlerDrops],
            ["close no code", "end", "transport: no frame, after 0 ms"],
        ),
        (
            "behind the peer's close",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8"), PeerEnds, HandlerDrops],
            ["close 1000", "close 1000, end", "peer: 1000, after 0 ms"],
        ),
        (
            "by a reset: nothing can be said any more",
            None,
            vec![Opens, PeerResets, HandlerDrops],
            ["", "reset", "transport: no frame, after 0 ms"],
        ),
        (
            "by a reset, behind the peer's close",
            None,
            vec![Opens, Peer(0x88, b"\x03\xe8"), PeerResets, HandlerDrops],
            ["", "close 1000, reset", "peer: 1000, after 0 ms"],
        ),
        (
            "by a reset, and the guard closes before the handler has dropped its socket",
            None,
            vec![Opens, PeerResets, Closes(1008, None), Passes(10), HandlerDrops],
            ["", "reset", "transport: no frame, after 10 ms"],
        ),
    ]);
}

#[test]
fn a_handler_whose_connection_was_taken_writes_on() {
    check(vec![
        (
            "for a while it is swallowed",
            None,
            vec![Opens, Closes(1008, Some(0)), Handler(0x81, b"a"), Passes(99), Handler(0x81, b"b")],
            ["close 1008", "close 1008, end", "guard: 1008, after 0 ms"],
        ),
        (
            "then it fails",
            None,
            vec![Opens, Closes(1008, Some(0)), Passes(100), Handler(0x81, b"a")],
            ["close 1008", "close 1008, end, broken", "guard: 1008, after 0 ms"],
        ),
        (
            "or behind its own close frame, which comes in pieces behind a message",
            None,
            vec![
                Opens,
                Closes(1008, Some(0)),
                Handler(0x81, b"a"),
                HandlerRaw(b"\x88\x02\x03"),
                HandlerRaw(b"\xe8"),
                Handler(0x81, b"b"),
            ],
            ["close 1008", "close 1008, end, broken", "guard: 1008, after 0 ms"],
        ),
        (
            "or behind its own close frame",
            None,
            vec![Opens, Closes(1008, Some(0)), Handler(0x88, b"\x03\xe8"), Handler(0x81, b"a")],
            ["close 1008", "close 1008, end, broken", "guard: 1008, after 0 ms"],
        ),
        (
            "a frame that it was in the middle of is followed to its end",
            None,
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, Some(0)), HandlerRaw(b"\x88"), Handler(0x81, b"b")],
            ["half a frame", "close 1008, end", "guard: 1008, cut short, after 0 ms"],
        ),
    ]);
}
