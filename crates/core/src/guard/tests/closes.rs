//! Who closed first, what was said, and what is to be answered.

use super::rig::close;
use crate::{
    close::{CloseFrame, MalformedClose},
    ended::{Ended, EndedBy},
    guard::closes::Closes,
};

#[test]
fn nobody_has_said_anything() {
    let mut closes = Closes::default();
    assert!(!closes.peer_has_closed() && !closes.handler_has_closed());
    assert!(!closes.read_failed() && !closes.is_abandoned() && !closes.is_supervised());
    assert_eq!((closes.peers(), closes.handlers(), closes.answer()), (None, None, None));
    assert_eq!(closes.take_correction(), None);
    assert_eq!(closes.ended_by(EndedBy::Guard), EndedBy::Guard);
    let lost = Ended { by: EndedBy::Transport, frame: None, sent: None, received: None, cut_short: false };
    assert_eq!(closes.ended(), lost);
}

#[test]
fn the_peer_is_answered_with_what_it_said() {
    let mut closes = Closes::default();
    closes.by_peer(Ok(close(1001)));
    assert!(closes.peer_has_closed() && !closes.handler_has_closed());
    assert_eq!((closes.peers(), closes.answer()), (Some(&close(1001)), Some(close(1001))));
    assert_eq!(closes.take_correction(), None, "the library's answer is as good");
    closes.by_handler(close(1000));
    assert!(closes.handler_has_closed());
    assert_eq!((closes.handlers(), closes.ended_by(EndedBy::Guard)), (Some(&close(1000)), EndedBy::Peer));
    let (sent, received) = (Some(close(1000)), Some(close(1001)));
    let ended = Ended { by: EndedBy::Peer, frame: received.clone(), sent, received, cut_short: false };
    assert_eq!(closes.ended(), ended);
}

#[test]
fn a_malformed_close_is_corrected_once() {
    let mut closes = Closes::default();
    closes.by_peer(Err(MalformedClose::OneByte));
    let corrected = MalformedClose::OneByte.answer();
    assert_eq!((closes.peers(), closes.answer()), (Some(&corrected), Some(corrected.clone())));
    assert_eq!((closes.take_correction(), closes.take_correction()), (Some(corrected.clone()), None));
    assert_eq!(closes.answer(), Some(corrected));
}

#[test]
fn the_first_to_close_has_ended_it() {
    for (first, then, by, frame) in [
        ("handler", "peer", EndedBy::Handler, Some(close(1001))),
        ("handler", "transport", EndedBy::Handler, Some(close(1000))),
        ("transport", "handler", EndedBy::Transport, None),
        ("transport", "peer", EndedBy::Transport, None),
    ] {
        let mut closes = Closes::default();
        for who in [first, then] {
            match who {
                "handler" => closes.by_handler(close(1000)),
                "peer" => closes.by_peer(Ok(close(1001))),
                _ => closes.by_transport(false),
            }
        }
        assert_eq!(closes.ended_by(EndedBy::Guard), by, "{first} {then}");
        assert_eq!((closes.ended().by, closes.ended().frame), (by, frame), "{first} {then}");
    }
}

#[test]
fn a_failure_stays_one() {
    let mut closes = Closes::default();
    closes.by_transport(false);
    assert!(!closes.read_failed());
    closes.by_transport(true);
    closes.by_transport(false);
    assert!(closes.read_failed());
}

#[test]
fn a_handler_is_there_and_supervised_until_it_is_not() {
    let mut closes = Closes::default();
    closes.supervise(true);
    assert!(closes.is_supervised() && !closes.is_abandoned());
    closes.abandon();
    closes.supervise(false);
    assert!(closes.is_abandoned() && !closes.is_supervised());
    closes.by_handler(CloseFrame::empty());
    assert_eq!(closes.handlers(), Some(&CloseFrame::empty()));
}
