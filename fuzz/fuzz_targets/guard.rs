//! Hostile bytes through the guard's state machine, in any pieces.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use portcullis_core::{
    CloseCode, CloseFrame,
    frame::FrameHeader,
    internal::{Guard, Then},
    policy::{Batch, BatchVerdict, Policy, Verdict},
    settings::Framing,
};

/// Answers from a script, over and over.
struct Scripted(Vec<u8>, usize);

impl Scripted {
    fn next(&mut self) -> u8 {
        self.1 += 1;
        // A script that asked again and again would never come to an end.
        if self.1 > 4096 {
            return u8::MAX;
        }
        self.0.get(self.1 % self.0.len().max(1)).copied().unwrap_or(0)
    }
}

impl Policy for Scripted {
    fn on_batch(&mut self, _: &Batch, _: Instant) -> BatchVerdict {
        if self.next() & 1 == 0 { BatchVerdict::Pass } else { BatchVerdict::OneByOne }
    }

    fn on_frame(&mut self, _: &FrameHeader, now: Instant) -> Verdict {
        match self.next() % 16 {
            0..4 => Verdict::Drop,
            4 => Verdict::Delay(now + Duration::from_millis(1)),
            5 => Verdict::AskAgain(now + Duration::from_millis(1)),
            6 => Verdict::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "enough")),
            _ => Verdict::Pass,
        }
    }
}

/// How the stream ended: what was delivered, and what followed.
fn inbound(guard: &mut Guard, bytes: &[u8], size: usize) -> (Vec<u8>, Option<Then>) {
    let (mut now, mut waiting, mut delivered) = (Instant::now(), Vec::new(), Vec::new());
    for piece in bytes.chunks(size) {
        waiting.extend_from_slice(piece);
        loop {
            let len = waiting.len();
            let admission = guard.admit(&mut waiting, now);
            assert!(admission.deliver <= admission.rest && admission.rest <= len);
            delivered.extend_from_slice(&waiting[..admission.deliver]);
            waiting.drain(..admission.rest);
            match admission.then {
                Then::Continue => break,
                Then::Delay(until) => now = until,
                end @ Then::End(_) => return (delivered, Some(end)),
            }
        }
    }
    assert_eq!(guard.bytes_in(), delivered.len() as u64);
    (delivered, None)
}

/// What a handler's writes become: what passes, and its close frames.
fn outbound(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<CloseFrame>) {
    let mut guard = Guard::new(Framing::Enforce);
    let (mut passed, mut closes) = (Vec::new(), Vec::new());
    for mut piece in bytes.chunks(size) {
        while !piece.is_empty() {
            if !guard.is_capturing() {
                let measure = guard.measure(piece);
                let pass = measure.pass();
                assert!(pass <= piece.len() && (pass == piece.len() || measure.close_follows()));
                guard.wrote(measure);
                passed.extend_from_slice(&piece[..pass]);
                piece = &piece[pass..];
            }
            let (taken, close) = if piece.is_empty() { (0, None) } else { guard.capture_close(piece) };
            piece = &piece[taken..];
            closes.extend(close);
        }
    }
    (passed, closes)
}

fuzz_target!(|input: &[u8]| {
    let [size, script @ .., _] = input else { return };
    let Some((script, bytes)) = script.split_at_checked(8) else { return };
    let size = usize::from(*size) + 1;
    let framing = if script[0] & 1 == 0 { Framing::Enforce } else { Framing::ReportOnly };
    let fresh = || {
        let mut guard = Guard::new(framing);
        if script[0] & 2 != 0 {
            guard.allow_compression();
        }
        guard
    };
    let whole = inbound(&mut fresh(), bytes, bytes.len().max(1));
    assert!(bytes.starts_with(&whole.0));
    assert_eq!(whole, inbound(&mut fresh(), bytes, size));

    let mut judged = fresh();
    judged.install_outermost(Box::new(Scripted(script.to_vec(), 0)));
    judged.install_outermost(Box::new(Scripted(script[4..].to_vec(), 0)));
    inbound(&mut judged, bytes, size);

    assert_eq!(outbound(bytes, bytes.len().max(1)), outbound(bytes, size));
});
