//! What each phase answers to those who ask.

use super::rig::{
    Rig,
    Step::{
        self, Aborts, Closes, Handler, HandlerDrops, HandlerRaw, HandlerShutsDown, Opens, Peer, PeerEnds, PeerResets,
        Supervised,
    },
    asks_again, close, delays,
};
use crate::{
    close::CloseFrame,
    guard::{Next, Reads, Requested, Writes},
};

/// What happened, and then: reads, writes, whether the handler has the transport, whether it is ending or aborted, and
/// whether a driver is wanted.
type Row = (&'static str, Vec<Step>, Reads, Writes, [bool; 4]);

#[test]
fn each_phase_has_its_answers() {
    let rows: Vec<Row> = vec![
        ("upgrading", vec![], Reads::Wait, Writes::Broken, [false, false, false, false]),
        ("open", vec![Opens], Reads::Open, Writes::Open, [true, false, false, false]),
        ("ending", vec![Opens, Closes(1008, None)], Reads::Wait, Writes::Open, [true, true, false, true]),
        (
            "closed by the handler",
            vec![Opens, Handler(0x88, b"\x03\xe8")],
            Reads::Open,
            Writes::Broken,
            [true, false, false, false],
        ),
        ("taken", vec![Opens, Closes(1008, Some(0))], Reads::End, Writes::Swallow, [false, false, false, false]),
        ("over", vec![Opens, PeerResets, HandlerDrops], Reads::Aborted, Writes::Broken, [false, false, false, false]),
    ];
    for (name, steps, reads, writes, [live, ending, aborted, driver]) in rows {
        let mut rig = Rig::after(&steps);
        let (guard, now) = (&mut rig.guard, rig.now);
        assert_eq!((guard.reads(), guard.writes(|| now)), (reads, writes), "{name}");
        assert_eq!([guard.is_live(), guard.is_ending(), guard.is_aborted()], [live, ending, aborted], "{name}");
        assert_eq!(guard.wants_driver(|| now), driver, "{name}");
    }
}

#[test]
fn an_abort_is_seen_until_it_is_carried_out() {
    let mut rig = Rig::new(None);
    rig.step(&Opens);
    rig.guard.abort();
    assert!(rig.guard.is_aborted() && !rig.guard.is_live() && !rig.guard.is_ending());
    assert_eq!((rig.guard.wants_driver(|| rig.now), rig.guard.next(rig.now)), (true, Next::Abort));
    rig.guard.end();
    assert!(!rig.guard.is_aborted());
}

#[test]
fn a_delay_stops_reads_until_it_ends() {
    let mut rig = Rig::new(Some(Box::new(delays(100))));
    rig.step(&Opens);
    assert!(!rig.guard.wants_driver(|| rig.now));
    rig.step(&Peer(0x81, b"q"));
    assert_eq!((rig.guard.reads(), rig.guard.writes(|| rig.now)), (Reads::Wait, Writes::Open));
    assert!(rig.guard.wants_driver(|| rig.now));
    rig.step(&Step::Passes(100));
    assert_eq!(rig.guard.reads(), Reads::Open);
    assert_eq!(rig.told()[1], "q");
}

#[test]
fn a_frame_that_is_asked_about_again_stops_reads_each_time() {
    let mut rig = Rig::new(Some(Box::new(asks_again(100))));
    rig.step(&Opens);
    rig.step(&Peer(0x81, b"q"));
    for _ in 0..3 {
        assert_eq!(rig.guard.reads(), Reads::Wait);
        rig.step(&Step::Passes(100));
    }
    assert_eq!(rig.guard.reads(), Reads::Open);
    assert_eq!(rig.told()[1], "q");
}

#[test]
fn what_was_asked_for_before_the_transport_came_is_taken_once_and_an_abort_stays() {
    let mut rig = Rig::new(None);
    assert!(matches!(rig.guard.take_requested(), Requested::Nothing));
    rig.guard.close(close(1001), None, rig.now);
    assert!(matches!(rig.guard.take_requested(), Requested::Close(asked) if asked.frame == close(1001)));
    assert!(matches!(rig.guard.take_requested(), Requested::Nothing));
    rig.step(&Aborts);
    for _ in 0..2 {
        assert!(matches!(rig.guard.take_requested(), Requested::Abort));
    }
    rig.step(&Opens);
    assert!(matches!(rig.guard.take_requested(), Requested::Nothing));
}

#[test]
fn a_library_that_ends_its_side_has_something_to_send_while_the_connection_is_open() {
    for (name, steps, pending, peer) in [
        ("nothing was said", vec![Opens], true, "close no code"),
        ("it has closed", vec![Opens, Handler(0x88, b"\x0f\xa1")], true, "close 4001"),
        ("the peer has closed", vec![Opens, Peer(0x88, b"\x03\xe9")], true, "close 1001"),
        ("in the middle of a frame", vec![Opens, HandlerRaw(b"\x81\x02a")], true, "half a frame"),
        ("in the middle of its close", vec![Opens, HandlerRaw(b"\x88\x02\x03")], true, ""),
        ("it was closed", vec![Opens, Closes(1008, None)], false, "close 1008"),
    ] {
        let mut rig = Rig::after(&steps);
        assert_eq!(rig.guard.handler_shut_down(rig.now), pending, "{name}");
        rig.step(&Step::Passes(0));
        assert_eq!(rig.told()[0], peer, "{name}");
    }
    let rig = Rig::after(&[Opens, Supervised, HandlerShutsDown]);
    assert_eq!(rig.told(), ["close no code", "", "no end"]);
}

#[test]
fn a_handler_is_done_once_its_socket_is_gone_and_it_has_nothing_to_say() {
    for (steps, abandoned, handled) in [
        (vec![Opens], false, false),
        (vec![Opens, HandlerDrops], true, true),
        (vec![Opens, Supervised], false, false),
        (vec![Opens, Supervised, HandlerDrops], true, false),
        (vec![Opens, Supervised, HandlerDrops, Step::Finishes(1000)], true, true),
        (vec![Opens, Supervised, Step::Finishes(1000)], false, false),
    ] {
        let rig = Rig::after(&steps);
        assert_eq!((rig.guard.is_abandoned(), rig.guard.is_handled()), (abandoned, handled), "{steps:?}");
    }
}

#[test]
fn what_was_sent_and_what_was_received_are_two_things() {
    let code = |code| Some(close(code));
    for (name, steps, frame, sent, received) in [
        ("a lost client", vec![Opens, PeerEnds, HandlerDrops], None, Some(CloseFrame::empty()), None),
        (
            "a lost client of a supervised handler",
            vec![Opens, Supervised, PeerEnds, HandlerDrops, Step::Finishes(1000)],
            None,
            code(1000),
            None,
        ),
        ("a reset", vec![Opens, PeerResets, HandlerDrops], None, None, None),
        (
            "the peer closes",
            vec![Opens, Peer(0x88, b"\x03\xe9"), Handler(0x88, b"\x03\xe8"), HandlerDrops],
            code(1000),
            code(1000),
            code(1001),
        ),
        ("the guard closes", vec![Opens, Closes(1008, Some(0))], code(1008), code(1008), None),
        (
            "there is no place for it",
            vec![Opens, HandlerRaw(b"\x81\x02a"), Closes(1008, Some(0))],
            code(1008),
            None,
            None,
        ),
    ] {
        let (_, ended) = Rig::after(&steps).ended.unwrap();
        assert_eq!((ended.frame, ended.sent, ended.received), (frame, sent, received), "{name}");
    }
}
