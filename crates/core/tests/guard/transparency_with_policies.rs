//! A keeper that looks at what its handler has not read, and pings between its writes, changes nothing of either.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use portcullis_core::{
    GuardedIo,
    frame::{Decoder, FrameHeader, Opcode, put_frame},
    policy::{Action, Activity, Interest, Policy, Verdict},
    settings::Settings,
};
use proptest::prelude::*;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex, split},
    time::{sleep, timeout},
};

/// Has something due all the time, and delays some frames.
struct Restless {
    every: Duration,
    next: Option<Instant>,
    pings: u32,
    delays: u32,
    frames: u32,
}

impl Policy for Restless {
    fn on_frame(&mut self, _: &FrameHeader, now: Instant) -> Verdict {
        self.frames += 1;
        match self.frames.checked_rem(self.delays) {
            Some(0) => Verdict::Delay(now + Duration::from_millis(3)),
            _ => Verdict::Pass,
        }
    }

    fn interest(&self) -> Interest {
        Interest::INPUT | Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        self.next.or(activity.opened).map(|last| last + self.every)
    }

    fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
        self.next = Some(now);
        self.pings = self.pings.saturating_sub(1);
        if self.pings > 0 { Action::Ping } else { Action::None }
    }
}

fn frames(lens: &[(usize, bool)], masked: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, (len, control)) in lens.iter().enumerate() {
        let (first, len) = if *control { (0x8a, len % 126) } else { (0x82, *len) };
        let payload: Vec<u8> = (0..len).map(|index| u8::try_from((index + number) % 251).unwrap()).collect();
        put_frame(&mut out, first, &payload, masked.then_some([1, 2, 3, 0x88]));
    }
    out
}

/// What is left when the pings are taken out.
fn without_pings(mut bytes: &[u8]) -> Vec<u8> {
    let (mut decoder, mut kept) = (Decoder::new(), Vec::new());
    while !bytes.is_empty() {
        let whole = bytes;
        let Some(header) = decoder.next(&mut bytes) else { return kept };
        decoder.skip_payload(&mut bytes);
        if header.opcode() != Opcode::PING {
            kept.extend_from_slice(&whole[..whole.len() - bytes.len()]);
        }
    }
    kept
}

type Steps = Vec<(usize, u64)>;

fn steps() -> impl Strategy<Value = Steps> {
    let size = prop_oneof![1..20_usize, 1..300_usize, 200..5000_usize, Just(20_000)];
    prop::collection::vec((size, prop_oneof![3 => Just(0), 2 => 0..4_u64, 1 => 5..30_u64]), 1..8).prop_map(
        |mut steps| {
            // None takes for ever.
            steps.push((20_000, 0));
            steps
        },
    )
}

fn lens() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec(
        (prop_oneof![0..126_usize, 100..400_usize, 1000..9000_usize], prop::bool::weighted(0.3)),
        1..12,
    )
}

async fn pause(millis: u64) {
    if millis > 0 { sleep(Duration::from_millis(millis)).await } else { tokio::task::yield_now().await }
}

async fn write(io: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8], steps: &Steps) {
    let (mut rest, mut steps) = (bytes, steps.iter().cycle());
    while !rest.is_empty() {
        let (size, millis) = *steps.next().unwrap();
        let (now, later) = rest.split_at(rest.len().min(size));
        io.write_all(now).await.unwrap();
        io.flush().await.unwrap();
        pause(millis).await;
        rest = later;
    }
}

async fn read(
    io: &mut (impl AsyncReadExt + Unpin),
    len: usize,
    steps: &Steps,
    done: impl Fn(&[u8]) -> usize,
) -> Vec<u8> {
    let (mut all, mut steps) = (Vec::new(), steps.iter().cycle());
    while done(&all) < len {
        let (size, millis) = *steps.next().unwrap();
        let mut buf = vec![0; size];
        let read = io.read(&mut buf).await.unwrap();
        assert!(read > 0, "ended after {} of {len}", all.len());
        all.extend_from_slice(&buf[..read]);
        pause(millis).await;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_nor_out_of_order_nor_stuck(
        (inbound, outbound) in (lens(), lens()),
        (sends, reads, writes, hears) in (steps(), steps(), steps(), steps()),
        (every, pings, delays) in (1..40_u64, 0..40_u32, 0..6_u32),
        pipe in prop_oneof![Just(700_usize), Just(5000), Just(60_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let (inbound, outbound) = (frames(&inbound, true), frames(&outbound, false));
            let (near, far) = duplex(pipe);
            let every = Duration::from_millis(every);
            let restless = Restless { every, next: None, pings, delays, frames: 0 };
            let (io, _connection) = GuardedIo::new(near, &Settings::default(), vec![Box::new(restless)]);
            let ((mut read_io, mut write_io), (mut hear_io, mut send_io)) = (split(io), split(far));
            let (came, heard) = timeout(Duration::from_secs(3600), async {
                let reading = read(&mut read_io, inbound.len(), &reads, <[u8]>::len);
                let hearing = read(&mut hear_io, outbound.len(), &hears, |all| without_pings(all).len());
                let sending = write(&mut send_io, &inbound, &sends);
                let writing = write(&mut write_io, &outbound, &writes);
                let (came, heard, (), ()) = tokio::join!(reading, hearing, sending, writing);
                (came, heard)
            }).await.expect("nobody is stuck");
            assert!(came == inbound);
            assert!(without_pings(&heard)[..outbound.len()] == outbound);
        });
    }
}

/// Says one thing, then once that it is broken, and nothing from then on.
struct Breaking(Vec<io::Result<&'static [u8]>>);

impl AsyncRead for Breaking {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let next = if self.0.is_empty() { Ok(&b""[..]) } else { self.0.remove(0) };
        Poll::Ready(next.map(|bytes| buf.put_slice(bytes)))
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_a_look_finds_is_the_handlers_to_read_behind_what_came_before() {
    let frame = b"\x82\x81\0\0\0\0x";
    let io = Breaking(vec![Ok(frame), Err(io::ErrorKind::ConnectionReset.into())]);
    let policy = Restless { every: Duration::from_millis(10), next: None, pings: 0, delays: 0, frames: 0 };
    let (mut guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(policy)]);
    // The keeper begins with the first call that finds something to wait for.
    guarded.flush().await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let mut read = [0; 512];
    assert_eq!(guarded.read(&mut read).await.unwrap(), frame.len());
    assert_eq!(guarded.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(guarded.read(&mut read).await.unwrap(), 0);
    drop(guarded);
    assert_eq!(connection.closed().await.by, portcullis_core::EndedBy::Transport);
}
