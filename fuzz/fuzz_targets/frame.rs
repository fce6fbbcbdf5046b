//! Any split of a stream gives the same headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_core::frame::{Decoder, FrameHeader};

fn headers<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<FrameHeader>, u64, bool) {
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for mut piece in pieces {
        while let Some(header) = decoder.next(&mut piece) {
            found.push(header);
        }
        assert!(piece.is_empty());
    }
    (found, decoder.payload_left(), decoder.at_boundary())
}

fuzz_target!(|input: &[u8]| {
    let Some((&size, bytes)) = input.split_first() else { return };
    let whole = headers(std::iter::once(bytes));
    assert_eq!(whole, headers(bytes.chunks(usize::from(size) + 1)));
    assert_eq!(whole, headers(bytes.chunks(1)));
});
