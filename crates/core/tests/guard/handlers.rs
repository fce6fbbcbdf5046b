//! What a connection owes its handler: time for what it is sending, and somebody who waits until it is done.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use portcullis_core::{
    CloseCode, CloseFrame, Connection, GuardedIo,
    settings::{Grace, Settings},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    time::{Instant, sleep},
};

const MS: Duration = Duration::from_millis(1);

fn guarded(settings: &Settings) -> (DuplexStream, GuardedIo<DuplexStream>, Connection) {
    let (peer, io) = duplex(4096);
    let (guarded, connection) = GuardedIo::new(io, settings, Vec::new());
    (peer, guarded, connection)
}

fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::GOING_AWAY, "")
}

fn held(connection: &Connection) -> Weak<()> {
    let value = Arc::new(());
    let weak = Arc::downgrade(&value);
    connection.hold_for_handler(value);
    weak
}

/// After how many milliseconds the peer reads a close frame, and how many messages before it.
async fn closed_after(mut peer: DuplexStream) -> (u128, usize) {
    let (began, mut messages) = (Instant::now(), 0);
    loop {
        let mut frame = [0; 2];
        peer.read_exact(&mut frame).await.unwrap();
        match frame {
            [0x88, _] => return (began.elapsed().as_millis(), messages),
            _ => messages += 1,
        }
    }
}

/// Sends a message without a payload at these times.
async fn send_at(mut guarded: GuardedIo<DuplexStream>, times: &[u32]) {
    let began = Instant::now();
    for at in times {
        tokio::time::sleep_until(began + MS * *at).await;
        let _closed_meanwhile = guarded.write_all(&[0x82, 0]).await;
    }
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn a_patient_close_waits_longer_and_never_less_long() {
    let own = |quiet: u32, grace: u32| Settings::new().quiet(MS * quiet).grace(MS * grace);
    for (settings, sends, expected) in [
        (own(50, 1000), &[][..], (500, 0)),
        (own(50, 1000), &[400], (900, 1)),
        (own(50, 1000), &[400, 1000], (900, 1)),
        (own(50, 1000), &[400, 800, 1200, 1600], (1500, 3)),
        (own(700, 1000), &[600], (1300, 1)),
        (own(50, 4000), &[400, 800, 1200, 1600, 1900], (2400, 5)),
    ] {
        let (peer, guarded, connection) = guarded(&settings);
        let sending = tokio::spawn(send_at(guarded, sends));
        connection.close_with(bye(), Grace::at_least(MS * 2000).quiet(MS * 500));
        connection.close_with(bye(), Grace::at_least(MS * 9000).quiet(MS * 9000));
        assert_eq!(closed_after(peer).await, expected, "{settings:?} {sends:?}");
        sending.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_done_when_its_socket_is_dropped() {
    let (peer, guarded, connection) = guarded(&Settings::default());
    let held_by_it = held(&connection);
    connection.close(bye());
    drop(peer);
    connection.closed().await;
    assert!(held_by_it.upgrade().is_some(), "the connection has ended, its handler has not");
    drop(guarded);
    assert!(held_by_it.upgrade().is_none());
    assert!(held(&connection).upgrade().is_none(), "at once");
}

#[tokio::test(start_paused = true)]
async fn a_supervised_handler_is_done_when_it_has_ended() {
    let (_peer, guarded, connection) = guarded(&Settings::default());
    let held = held(&connection);
    let handler = connection.supervise(async |socket: GuardedIo<DuplexStream>| {
        drop(socket);
        sleep(MS * 1000).await;
        Ok::<(), CloseCode>(())
    });
    let handler = tokio::spawn(handler(guarded));
    sleep(MS * 999).await;
    assert!(held.upgrade().is_some(), "it is cleaning up");
    handler.await.unwrap();
    assert!(held.upgrade().is_none());
}

/// Fails to read.
struct Reset;

impl AsyncRead for Reset {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervised_handler_whose_client_is_lost_is_done_when_it_has_ended() {
    let (guarded, connection) = GuardedIo::new(Reset, &Settings::default(), Vec::new());
    let held = held(&connection);
    let handler = connection.supervise(async |mut socket: GuardedIo<Reset>| {
        assert!(socket.read_u8().await.is_err());
        drop(socket);
        sleep(MS * 1000).await;
        Ok::<(), CloseCode>(())
    });
    let handler = tokio::spawn(handler(guarded));
    connection.closed().await;
    assert!(held.upgrade().is_some(), "the connection has ended, and its handler is cleaning up");
    handler.await.unwrap();
    assert!(held.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn patience_without_end_is_patience() {
    let own = Settings::new().quiet(Duration::MAX).grace(Duration::MAX);
    for settings in [own, Settings::default()] {
        let (peer, guarded, connection) = guarded(&settings);
        connection.close_with(bye(), Grace::at_least(Duration::MAX).quiet(Duration::MAX));
        connection.close_with(bye(), Grace::within(Duration::MAX));
        let sending = tokio::spawn(send_at(guarded, &[1000, 60_000]));
        sleep(MS * 70_000).await;
        assert_eq!(connection.close_reason(), None);
        sending.abort();
        assert_eq!(closed_after(peer).await.1, 2);
    }
}
