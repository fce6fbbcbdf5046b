//! What is thrown away is followed, so that a close is told from what looks like one.

use crate::guard::Discarded;

const TEXT: [u8; 7] = *b"\x81\x81\0\0\0\0a";
const CLOSE: [u8; 6] = *b"\x88\x80\0\0\0\0";

#[test]
fn a_close_is_found_in_any_pieces_and_stays_found() {
    for piece in 1..=13 {
        let mut discarded = Discarded::default();
        let bytes = [&TEXT[..], &CLOSE].concat();
        for piece in bytes.chunks(piece) {
            assert!(!discarded.closed());
            discarded.feed(piece);
        }
        assert!(discarded.closed(), "{piece}");
        discarded.feed(&TEXT);
        assert!(discarded.closed(), "{piece}");
    }
    let mut discarded = Discarded::default();
    discarded.close();
    assert!(discarded.closed(), "elsewhere");
}

#[test]
fn what_looks_like_a_close_inside_of_a_payload_is_none() {
    let mut discarded = Discarded::default();
    discarded.follow(6, &CLOSE);
    assert!(!discarded.closed());
    discarded.feed(&CLOSE);
    assert!(discarded.closed());
    // Where it stands in a payload already, and none is left of another.
    let mut discarded = Discarded::default();
    discarded.feed(b"\x81\x86\0\0\0\0");
    discarded.follow(0, &CLOSE);
    assert!(!discarded.closed());
    discarded.follow(0, &CLOSE);
    assert!(discarded.closed());
}

#[test]
fn all_that_is_thrown_away_is_counted() {
    let mut discarded = Discarded::default();
    discarded.follow(1, b"abc");
    discarded.feed(b"de");
    for (bytes, exceeds) in [(0, true), (4, true), (5, false), (6, false)] {
        assert_eq!(discarded.exceeds(bytes), exceeds, "{bytes}");
    }
}
