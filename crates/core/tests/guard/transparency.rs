//! Without a policy, the guard changes no byte of a legal stream.

use std::io::IoSlice;

use portcullis_core::{GuardedIo, settings::Settings};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// Not by `put_frame`: a length may stand in a longer form than it needs.
fn frame(out: &mut Vec<u8>, first: u8, len: usize, form: u8, masked: bool) {
    let mask = u8::from(masked) << 7;
    out.push(first);
    match (form, len) {
        (0, 0..=125) => out.push(mask + u8::try_from(len).unwrap()),
        (0 | 1, 0..=65_535) => {
            out.push(mask + 126);
            out.extend_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
        }
        _ => {
            out.push(mask + 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend_from_slice(&[1, 2, 3, 0x88]);
    }
    out.extend((0..len).map(|index| u8::try_from(index % 251).unwrap()));
}

/// Messages of a length form, the lengths of their fragments, and the control frames behind each.
type Message = (bool, Vec<(usize, u8, Option<(bool, usize)>)>);

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let len = prop_oneof![4 => 0..130_usize, 2 => 120..400_usize, 1 => 65_500..65_600_usize];
    let fragment = (len, 0..3_u8, prop::option::of((any::<bool>(), 0..126_usize)));
    prop::collection::vec((any::<bool>(), prop::collection::vec(fragment, 1..4)), 0..6)
}

fn stream(messages: &[Message], masked: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (text, fragments) in messages {
        for (index, (len, form, control)) in fragments.iter().enumerate() {
            let opcode = if index > 0 { 0 } else { 2 - u8::from(*text) };
            let fin = if index + 1 == fragments.len() { 0x80 } else { 0 };
            frame(&mut out, fin | opcode, *len, *form, masked);
            if let Some((ping, len)) = control {
                frame(&mut out, if *ping { 0x89 } else { 0x8a }, *len, 0, masked);
            }
        }
    }
    out
}

fn splits() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1..20_usize, 1..3000_usize, Just(70_000)], 1..8)
}

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test);
}

async fn send(mut peer: DuplexStream, bytes: Vec<u8>, splits: Vec<usize>) -> DuplexStream {
    let (mut rest, mut sizes) = (&bytes[..], splits.iter().cycle());
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        peer.write_all(now).await.unwrap();
        tokio::task::yield_now().await;
        rest = later;
    }
    peer.shutdown().await.unwrap();
    peer
}

async fn read_all(io: &mut GuardedIo<DuplexStream>, size: usize) -> Vec<u8> {
    let (mut all, mut buf) = (Vec::new(), vec![0; size]);
    loop {
        let read = io.read(&mut buf).await.unwrap();
        if read == 0 {
            return all;
        }
        all.extend_from_slice(&buf[..read]);
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1_usize, 2, 13, 200, 300, 20_000])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_peer_sends_is_read_unchanged(messages in messages(), splits in splits(), size in sizes()) {
        run(async move {
            let bytes = stream(&messages, true);
            let (near, far) = duplex(4096);
            let (mut io, _connection) = GuardedIo::new(near, &Settings::default(), Vec::new());
            let sending = tokio::spawn(send(far, bytes.clone(), splits));
            assert!(read_all(&mut io, size).await == bytes);
            let mut far = sending.await.unwrap();
            // The peer's half is closed; the handler's is not.
            io.write_all(b"\x82\x02hi").await.unwrap();
            let mut heard = [0; 4];
            far.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"\x82\x02hi");
        });
    }

    #[test]
    fn what_the_handler_writes_is_sent_unchanged(messages in messages(), splits in splits(), vectored in any::<bool>()) {
        run(async move {
            let bytes = stream(&messages, false);
            let (near, mut far) = duplex(777);
            let (mut io, _connection) = GuardedIo::new(near, &Settings::default(), Vec::new());
            let len = bytes.len();
            let hearing = tokio::spawn(async move {
                let mut heard = vec![0; len];
                far.read_exact(&mut heard).await.unwrap();
                heard
            });
            let (mut rest, mut sizes) = (&bytes[..], splits.iter().cycle());
            while !rest.is_empty() {
                let size = rest.len().min(*sizes.next().unwrap());
                let written = if vectored {
                    let (one, two) = rest[..size].split_at(size / 2);
                    io.write_vectored(&[IoSlice::new(one), IoSlice::new(&[]), IoSlice::new(two)]).await.unwrap()
                } else {
                    io.write(&rest[..size]).await.unwrap()
                };
                if size % 3 == 0 {
                    io.flush().await.unwrap();
                }
                rest = &rest[written..];
            }
            assert!(hearing.await.unwrap() == bytes);
        });
    }

    #[test]
    fn an_illegal_frame_ends_a_legal_prefix_with_1002(
        messages in messages(),
        splits in splits(),
        size in sizes(),
        illegal in prop::sample::select(vec![[0x80, 0x80], [0x83, 0x80], [0x92, 0x80], [0x82, 0x01], [0x09, 0x80]]),
    ) {
        run(async move {
            let legal = stream(&messages, true);
            let mut bytes = legal.clone();
            bytes.extend_from_slice(&illegal);
            bytes.extend_from_slice(&[0; 20]);
            let (near, far) = duplex(4096);
            let (mut io, _connection) = GuardedIo::new(near, &Settings::default(), Vec::new());
            let sending = tokio::spawn(send(far, bytes, splits));
            let read = read_all(&mut io, size).await;
            assert!(read.starts_with(&legal));
            // Behind it the handler is told of the close as if the peer had sent it.
            assert_eq!(read.get(legal.len()), Some(&0x88));
            let mut far = sending.await.unwrap();
            let mut heard = Vec::new();
            far.read_to_end(&mut heard).await.unwrap();
            assert_eq!(heard[0], 0x88);
            assert_eq!(&heard[2..4], &1002_u16.to_be_bytes());
        });
    }
}
