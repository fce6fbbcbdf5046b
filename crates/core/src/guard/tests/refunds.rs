//! What policies charge for: what was delivered, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::rig::close;
use crate::{
    carrier::Carrier,
    frame::{FrameHeader, put_frame},
    guard::{Guard, Reads},
    policy::{Batch, BatchVerdict, Policy, Verdict},
    settings::Framing,
};

/// Charges a frame for each that it lets pass or delays, and decides by a script.
pub(super) struct Charging {
    pub(super) charged: Arc<AtomicI64>,
    pub(super) script: Vec<u8>,
    pub(super) next: usize,
}

impl Charging {
    fn next(&mut self) -> u8 {
        self.next += 1;
        // A script that asked again and again would never come to an end.
        if self.next > 4096 {
            return u8::MAX;
        }
        self.script[self.next % self.script.len()]
    }
}

impl Policy for Charging {
    fn on_batch(&mut self, batch: &Batch, _: Instant) -> BatchVerdict {
        if self.next().is_multiple_of(3) {
            return BatchVerdict::OneByOne;
        }
        self.charged.fetch_add(i64::from(batch.frames()), Relaxed);
        BatchVerdict::Pass
    }

    fn on_frame(&mut self, _: &FrameHeader, now: Instant) -> Verdict {
        let verdict = match self.next() % 16 {
            0..3 => return Verdict::Drop,
            3 => return Verdict::Close(close(1008)),
            4..6 => Verdict::Delay(now + Duration::from_millis(1)),
            6..8 => return Verdict::AskAgain(now + Duration::from_millis(1)),
            _ => Verdict::Pass,
        };
        self.charged.fetch_add(1, Relaxed);
        verdict
    }

    fn on_refund(&mut self, batch: &Batch) {
        self.charged.fetch_sub(i64::from(batch.frames()), Relaxed);
    }
}

/// How many frames a handler has got.
fn frames(mut bytes: &[u8]) -> i64 {
    let mut frames = 0;
    while let Some(header) = FrameHeader::parse(bytes) {
        bytes = bytes.get(header.len() + usize::try_from(header.payload_len()).unwrap()..).unwrap_or_default();
        frames += 1;
    }
    frames
}

/// Whole messages, some of them in fragments, and control frames between these.
fn stream(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, lens) in messages {
        for (index, len) in lens.iter().enumerate() {
            let (first, last) = (index == 0, index + 1 == lens.len());
            let opcode = if first { 1 + kind % 2 } else { 0 };
            put_frame(&mut out, u8::from(last) << 7 | opcode, &vec![7; usize::from(*len)], Some([0; 4]));
            if kind & 4 != 0 {
                put_frame(&mut out, 0x89, b"ping", Some([0; 4]));
            }
        }
    }
    out
}

/// What a handler gets that reads until the connection closes, or after so many reads.
fn deliver(guard: &mut Guard, carrier: Carrier, bytes: &[u8], piece: usize, reads: usize) -> Vec<u8> {
    let start = Instant::now();
    let (mut now, mut delivered, mut pieces) = (start, Vec::new(), bytes.chunks(piece));
    assert!(guard.open(Vec::new(), carrier, start));
    for _ in 0..reads {
        if guard.reads() != Reads::Open {
            if let (true, Some(came)) = (guard.reads_on(), pieces.next()) {
                guard.peeked(came, now);
            }
            now += Duration::from_millis(1);
            if !guard.end_delay(now) {
                break;
            }
        }
        let waited = guard.inbox.resume(usize::MAX).map(Iterator::collect);
        let more = |guard: &mut Guard, came| {
            let data = [guard.inbox.backlog(), came].concat();
            guard.inbox.clear_backlog();
            data
        };
        let Some(mut data): Option<Vec<u8>> = waited.or_else(|| Some(more(guard, pieces.next()?))) else { break };
        let admitted = guard.read(&mut data, || now);
        delivered.extend_from_slice(&data[..admitted]);
    }
    delivered
}

proptest! {
    #[test]
    fn what_was_charged_and_not_given_back_was_delivered(
        messages in prop::collection::vec((any::<u8>(), prop::collection::vec(0..40_u8, 1..4)), 1..20),
        outer in prop::collection::vec(any::<u8>(), 1..20),
        inner in prop::collection::vec(any::<u8>(), 1..20),
        piece in 1..200_usize,
        reads in 1..60_usize,
        end in 0..3_u8,
        carrier in prop::sample::select(vec![Carrier::Connection, Carrier::Stream]),
    ) {
        let charged = [Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0))];
        let mut guard = Guard::new(Framing::Enforce);
        for (script, charged) in [inner, outer].into_iter().zip(&charged) {
            guard.install_outermost(Box::new(Charging { charged: charged.clone(), script, next: 0 }));
        }
        let delivered = deliver(&mut guard, carrier, &stream(&messages), piece, reads);
        // However the connection ends, nothing is delivered any more.
        match end {
            0 => guard.close(close(1001), None, Instant::now()),
            1 => guard.abort(),
            _ => drop(guard.end()),
        }
        for charged in charged {
            prop_assert_eq!(charged.load(Relaxed), frames(&delivered));
        }
    }
}
