//! What waits for the handler: in which order, and whether it waits for more.

use std::time::Instant;

use crate::{carrier::Carrier, guard::inbox::Inbox};

/// What is taken of the inbox, if anything is.
fn taken(bytes: Option<std::vec::Drain<'_, u8>>) -> Option<Vec<u8>> {
    bytes.map(Iterator::collect)
}

fn opened(bytes: &[u8]) -> Inbox {
    let mut inbox = Inbox::default();
    inbox.open(bytes.to_vec(), Carrier::Connection);
    inbox
}

#[test]
fn what_was_read_before_there_was_a_handler_is_judged_first() {
    let mut inbox = opened(b"early");
    assert!(inbox.is_waiting() && inbox.has_unread());
    assert_eq!(taken(inbox.resume(9)).as_deref(), Some(&b"early"[..]));
    assert!(!inbox.is_waiting() && !inbox.has_unread());
    assert_eq!(taken(inbox.resume(9)), None);
    let mut nothing = opened(b"");
    assert!(!nothing.is_waiting());
    // What is incomplete waits for more, and is not judged without it.
    nothing.put_back(b"half");
    assert_eq!((taken(nothing.resume(9)), nothing.is_waiting()), (None, false));
}

#[test]
fn what_was_admitted_is_delivered_in_parts() {
    let mut inbox = Inbox::default();
    assert_eq!(taken(inbox.deliver(9)), None);
    inbox.admit(b"abc");
    inbox.admit(b"de");
    assert!(inbox.has_unread() && !inbox.is_waiting());
    assert_eq!(taken(inbox.deliver(2)).as_deref(), Some(&b"ab"[..]));
    assert_eq!(taken(inbox.deliver(9)).as_deref(), Some(&b"cde"[..]));
    assert!(!inbox.has_unread());
    assert_eq!(taken(inbox.deliver(9)), None);
}

#[test]
fn a_backlog_is_taken_in_parts_of_which_only_the_last_waits_for_more() {
    for (room, parts) in [(2, &["ab", "cd", "e"][..]), (4, &["abcd", "e"]), (5, &["abcde"]), (9, &["abcde"])] {
        let mut inbox = opened(b"abcde");
        for part in parts {
            assert_eq!(taken(inbox.resume(room)).as_deref(), Some(part.as_bytes()), "{room}");
        }
        inbox.put_back(b"e");
        assert_eq!(taken(inbox.resume(room)), None, "{room}: there is nothing whole in it");
        assert_eq!(inbox.backlog(), b"e");
        inbox.clear_backlog();
        assert_eq!(inbox.backlog(), b"");
    }
    let mut inbox = opened(b"");
    inbox.put_back(b"abc");
    assert_eq!(inbox.take_backlog(2).collect::<Vec<_>>(), b"ab");
    assert!(inbox.is_waiting(), "the rest may hold whole frames");
    assert_eq!(inbox.take_backlog(2).collect::<Vec<_>>(), b"c");
    inbox.put_back(b"c");
    assert!(!inbox.is_waiting());
}

#[test]
fn what_is_put_back_stands_in_front() {
    let mut inbox = Inbox::default();
    inbox.put_back(b"c");
    inbox.put_back(b"");
    inbox.put_back(b"ab");
    inbox.peeked(b"de");
    assert_eq!(inbox.backlog(), b"abcde");
    inbox.cut(1..3);
    assert_eq!(inbox.backlog(), b"ade");
    assert!(inbox.is_waiting(), "whole frames may have come with what was peeked");
}

#[test]
fn a_delay_holds_back_until_it_ends_and_reads_are_small_from_then_on() {
    let (mut inbox, until) = (Inbox::default(), Instant::now());
    assert!(!inbox.is_capped() && inbox.delayed().is_none() && !inbox.has_unread());
    inbox.put_back(b"held back");
    inbox.delay(until);
    assert_eq!(inbox.delayed(), Some(until));
    assert!(inbox.is_capped() && inbox.has_unread() && !inbox.is_waiting());
    inbox.end_delay();
    assert!(inbox.delayed().is_none() && inbox.is_waiting() && inbox.is_capped());
    assert_eq!(taken(inbox.resume(99)).as_deref(), Some(&b"held back"[..]));
    inbox.put_back(b"held back");
    inbox.delay(until);
    inbox.forget_delay();
    assert!(inbox.delayed().is_none() && !inbox.is_waiting(), "nobody looks at it again");
}

#[test]
fn no_more_than_four_kibibytes_are_kept_for_a_handler_that_does_not_read() {
    let mut inbox = Inbox::default();
    inbox.peeked(&[0; 4095]);
    assert!(!inbox.is_full());
    inbox.peeked(&[0]);
    assert!(inbox.is_full());
    inbox.admit(&[0; 3]);
    assert_eq!(inbox.kept(), 4099);
}

#[test]
fn the_last_that_is_read_is_what_was_admitted_and_a_close() {
    let mut inbox = opened(b"never judged");
    inbox.admit(b"admitted, ");
    inbox.delay(Instant::now());
    let backlog = inbox.finish(Some(|last: &mut Vec<u8>| last.extend(b"closed")));
    assert_eq!((&*backlog, inbox.backlog(), inbox.delayed()), (&b"never judged"[..], &b""[..], None));
    assert_eq!(taken(inbox.deliver(99)).as_deref(), Some(&b"admitted, closed"[..]));
}

/// What waits must go first, and small reads must stay small.
#[test]
fn an_inbox_is_plain_while_nothing_waits_and_nothing_was_ever_delayed() {
    let mut inbox = Inbox::default();
    assert!(inbox.is_plain());
    inbox.admit(b"admitted");
    assert!(!inbox.is_plain());
    assert_eq!(inbox.deliver(8).unwrap().as_slice(), b"admitted");
    assert!(inbox.is_plain());
    inbox.put_back(b"half a header");
    assert!(!inbox.is_plain());
    inbox.clear_backlog();
    assert!(inbox.is_plain());
    inbox.peeked(b"read ahead");
    inbox.clear_backlog();
    assert!(!inbox.is_plain(), "it is to be judged before more is read");
    assert!(inbox.resume(1).is_none());
    assert!(inbox.is_plain());
    inbox.delay(Instant::now());
    inbox.end_delay();
    assert!(inbox.resume(1).is_none());
    assert!(!inbox.is_plain(), "reads are small from now on");
}
