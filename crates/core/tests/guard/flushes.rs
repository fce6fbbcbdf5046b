//! A transport that takes what is written, and sends it when it is flushed, as TLS does.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, CloseFrame, GuardedIo,
    policy::{Action, Activity, Interest, Policy},
    settings::Settings,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex},
    time::{sleep, timeout},
};

#[derive(Default)]
struct Wire {
    blocked: bool,
    waker: Option<Waker>,
}

/// Nothing comes in. A flush waits while the wire is blocked, and wakes whoever asked last.
#[derive(Clone, Default)]
struct Buffered(Arc<Mutex<Wire>>);

impl Buffered {
    fn set_blocked(&self, blocked: bool) {
        let mut wire = self.0.lock().unwrap();
        wire.blocked = blocked;
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
    }
}

impl AsyncRead for Buffered {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        if !wire.blocked {
            return Poll::Ready(Ok(()));
        }
        wire.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Has something due every second, and first so many pings.
struct Pings {
    next: Option<Instant>,
    left: u32,
}

impl Policy for Pings {
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        self.next.or(activity.opened).map(|last| last + SECOND)
    }

    fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
        self.next = Some(now);
        let pings = self.left > 0;
        self.left = self.left.saturating_sub(1);
        if pings { Action::Ping } else { Action::None }
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_waits_is_woken_though_a_ping_waits_with_it() {
    let wire = Buffered::default();
    wire.set_blocked(true);
    let pings = Box::new(Pings { next: None, left: 1 });
    let (mut io, _connection) = GuardedIo::new(wire.clone(), &Settings::default(), vec![pings]);
    io.write_all(b"\x82\x02hi").await.unwrap();
    let flush = tokio::spawn(async move { io.flush().await.map(|()| io) });
    sleep(10 * SECOND).await;
    assert!(!flush.is_finished());
    wire.set_blocked(false);
    let _io = timeout(SECOND / 2, flush).await.expect("it is woken").unwrap().unwrap();
}

/// Closes when nothing was taken for ten seconds.
struct Impatient;

impl Policy for Impatient {
    fn interest(&self) -> Interest {
        Interest::INPUT | Interest::OUTPUT
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        activity.stalled_since.map(|since| since + 10 * SECOND)
    }

    fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
        match self.deadline(activity) {
            Some(deadline) if deadline <= now => Action::Close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "")),
            _ => Action::None,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_of_what_is_flushed_stalls() {
    let wire = Buffered::default();
    // Pings that the transport takes are not taken by the peer.
    let pings = Box::new(Pings { next: None, left: 1000 });
    let (mut io, connection) = GuardedIo::new(wire.clone(), &Settings::default(), vec![Box::new(Impatient), pings]);
    io.write_all(b"\x82\x02hi").await.unwrap();
    io.flush().await.unwrap();
    wire.set_blocked(true);
    io.write_all(b"\x82\x02hi").await.unwrap();
    let flush = tokio::spawn(async move { io.flush().await.map(|()| io) });
    let ended = timeout(30 * SECOND, connection.closed()).await.expect("it is closed");
    assert_eq!(ended.frame.unwrap().code(), Some(CloseCode::TRY_AGAIN_LATER));
    drop(flush);
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_was_given_up_is_not_the_peers_fault_once_there_is_room() {
    let wire = Buffered::default();
    wire.set_blocked(true);
    let (mut io, connection) = GuardedIo::new(wire.clone(), &Settings::default(), vec![Box::new(Impatient)]);
    io.write_all(b"\x82\x02hi").await.unwrap();
    timeout(SECOND, io.flush()).await.unwrap_err();
    sleep(5 * SECOND).await;
    wire.set_blocked(false);
    sleep(60 * SECOND).await;
    assert_eq!(connection.close_reason(), None);
    io.flush().await.unwrap();
}

/// Has something due in an hour.
struct Patient;

impl Policy for Patient {
    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        activity.opened.map(|opened| opened + 3600 * SECOND)
    }
}

/// The guard holds a handler's close back until it is whole, and may mend it: what a transport would have sent at once
/// must not wait for a flush.
#[tokio::test(start_paused = true)]
async fn a_close_that_its_handler_does_not_flush_is_sent() {
    for patient in [false, true] {
        let (mut client, server) = duplex(1024);
        let policies: Vec<Box<dyn Policy>> = if patient { vec![Box::new(Patient)] } else { Vec::new() };
        let (mut io, _connection) = GuardedIo::new(server, &Settings::default(), policies);
        // The task that looks after the deadline sleeps by now.
        sleep(SECOND).await;
        io.write_all(b"\x88\x02\x03\xe8").await.unwrap();
        let mut close = [0; 4];
        let read = timeout(SECOND, client.read_exact(&mut close)).await;
        read.unwrap_or_else(|_| panic!("patient: {patient}")).unwrap();
        assert_eq!(&close, b"\x88\x02\x03\xe8");
    }
}
