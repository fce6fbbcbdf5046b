//! What is sent beside what the handler sends: in parts, once, and flushed.

use super::rig::close;
use crate::guard::outbox::Outbox;

#[test]
fn a_frame_is_pending_until_all_of_it_is_sent_and_flushed() {
    let mut outbox = Outbox::default();
    let state = |outbox: &Outbox| [outbox.is_empty(), outbox.is_unflushed(), outbox.is_pending()];
    assert_eq!((outbox.unsent(), state(&outbox)), (&b""[..], [true, false, false]));
    outbox.put_ping(b"ping");
    assert_eq!((outbox.unsent(), state(&outbox)), (&b"\x89\x04ping"[..], [false, false, true]));
    outbox.sent(2);
    outbox.sent(1);
    assert_eq!((outbox.unsent(), state(&outbox)), (&b"ing"[..], [false, false, true]));
    outbox.sent(3);
    assert_eq!((outbox.unsent(), state(&outbox)), (&b""[..], [true, true, true]));
    outbox.flushed();
    assert_eq!(state(&outbox), [true, false, false]);
    outbox.put_close(&close(1001));
    assert_eq!(outbox.unsent(), b"\x88\x02\x03\xe9");
}

#[test]
fn what_is_left_is_taken_once() {
    let mut outbox = Outbox::default();
    outbox.put_ping(b"");
    outbox.put_close(&close(1001));
    outbox.sent(3);
    assert_eq!(outbox.take(), b"\x02\x03\xe9");
    assert!(outbox.is_empty());
    outbox.put_ping(b"");
    assert_eq!(outbox.unsent(), b"\x89\x00");
    assert_eq!(outbox.take(), b"\x89\x00");
}

#[test]
fn a_peer_that_does_not_read_gets_no_more_pings_than_fit() {
    let mut outbox = Outbox::default();
    let pings = (0..1000).take_while(|_| {
        let takes = outbox.takes_pings();
        outbox.put_ping(&[0; 8]);
        takes
    });
    assert_eq!(pings.count(), 52, "of ten bytes each");
}
