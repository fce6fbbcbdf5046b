//! A side that does not read stops the other, through the guard.

use std::time::{Duration, Instant};

use portcullis_core::{
    CloseFrame, GuardedIo,
    frame::put_frame,
    policy::{Action, Activity, Interest, Policy},
    settings::{Closing, Settings},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::timeout,
};

const PAYLOAD: usize = 1 << 20;

/// A binary frame of a mebibyte.
fn frame(masked: bool) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x82, &vec![0; PAYLOAD], masked.then_some([0; 4]));
    frame
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_read_stops_the_peer() {
    let (mut peer, io) = duplex(4096);
    let (mut guarded, _connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
    let sent = frame(true);
    let writer = tokio::spawn({
        let sent = sent.clone();
        async move { peer.write_all(&sent).await.map(|()| peer) }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!writer.is_finished(), "nobody has read, and the buffers hold 4 KiB");
    let mut received = vec![0; sent.len()];
    guarded.read_exact(&mut received).await.expect("all of it");
    assert_eq!(received, sent);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_stops_the_handler() {
    let (mut peer, io) = duplex(4096);
    let (mut guarded, _connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
    let sent = frame(false);
    let half = timeout(Duration::from_secs(10), guarded.write_all(&sent)).await;
    assert!(half.is_err(), "nobody has read, and the buffers hold 4 KiB");
    let mut received = vec![0; 4096];
    peer.read_exact(&mut received).await.expect("what fits");
    assert_eq!(received, sent[..4096]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_on_after_its_close_is_not_read_for_ever() {
    let (mut peer, io) = duplex(64 * 1024);
    let settings = Settings::new().closing(Closing::new().max_bytes(1 << 22));
    let (mut guarded, _connection) = GuardedIo::new(io, &settings, Vec::new());
    let writer = tokio::spawn(async move {
        peer.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await?;
        let mut sent = 0;
        while sent < 64 * PAYLOAD && peer.write_all(&frame(true)).await.is_ok() {
            sent += PAYLOAD;
        }
        Ok::<_, std::io::Error>(sent)
    });
    let mut close = [0; 6];
    guarded.read_exact(&mut close).await.expect("the peer's close");
    assert_eq!(guarded.read(&mut close).await.expect("the end"), 0, "a handler that holds on reads the end");
    drop(guarded);
    let sent = writer.await.expect("no panic").expect("its close went out");
    assert!((4 * PAYLOAD..16 * PAYLOAD).contains(&sent), "{sent}");
}

/// Pings, and closes when the ping was not taken for ten seconds.
struct Impatient {
    pinged: bool,
}

impl Policy for Impatient {
    fn interest(&self) -> Interest {
        Interest::INPUT | Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let since = if self.pinged { activity.stalled_since } else { activity.opened };
        since.map(|since| since + Duration::from_secs(10))
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        if std::mem::replace(&mut self.pinged, true) { Action::Close(CloseFrame::empty()) } else { Action::Ping }
    }
}

#[tokio::test(start_paused = true)]
async fn a_keeper_whose_ping_waits_does_not_spin_when_the_connection_is_closed() {
    let (_peer, io) = duplex(4096);
    let policy = Impatient { pinged: false };
    let (mut guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(policy)]);
    // Whole frames: the ping waits for nothing but room.
    guarded.write_all(&[0x82, 2, 7, 7].repeat(1024)).await.expect("it fits");
    // On a held clock a keeper that spins goes on for ever.
    let ended = timeout(Duration::from_secs(60), connection.closed()).await.expect("it is ended");
    assert_eq!(ended.frame, Some(CloseFrame::empty()));
}
