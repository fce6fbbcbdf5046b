//! A transport that fails, a policy that panics, and a transport that asks its connection: each is an end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use portcullis_core::{
    CloseCode, Connection, EndedBy, GuardedIo,
    frame::put_frame,
    policy::{Action, Activity, Interest, Policy},
    settings::Settings,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};

const SECOND: Duration = Duration::from_secs(1);

/// A pipe whose writes fail once that is said, and which asks its connection something when it is dropped.
struct Wire {
    pipe: DuplexStream,
    broken: Arc<AtomicBool>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.pipe).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.lock().unwrap().as_ref() {
            connection.counters();
        }
    }
}

/// Does something each second.
struct EachSecond(fn(u32) -> Action, u32);

impl Policy for EachSecond {
    fn interest(&self) -> Interest {
        Interest::NONE
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        activity.opened.map(|opened| opened + SECOND * (self.1 + 1))
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        self.1 += 1;
        (self.0)(self.1)
    }
}

type GuardedHandshake = (GuardedIo<Wire>, Connection, DuplexStream, Arc<AtomicBool>);

fn guarded(each_second: fn(u32) -> Action) -> GuardedHandshake {
    let (near, far) = duplex(64 * 1024);
    let (broken, slot) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    let wire = Wire { pipe: near, broken: broken.clone(), connection: slot.clone() };
    let policies: Vec<Box<dyn Policy>> = vec![Box::new(EachSecond(each_second, 0))];
    let (guarded, connection) = GuardedIo::new(wire, &Settings::default(), policies);
    *slot.lock().unwrap() = Some(connection.clone());
    (guarded, connection, far, broken)
}

fn message(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x81, payload, Some([0; 4]));
    frame
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_cannot_be_sent_ends_the_connection_of_a_busy_handler() {
    let (mut guarded, connection, mut far, broken) = guarded(|_| Action::Ping);
    let held = Arc::new(());
    connection.hold(held.clone());
    far.write_all(&message(b"unread")).await.unwrap();
    broken.store(true, Ordering::Relaxed);
    let ended = tokio::time::timeout(SECOND * 3, connection.closed()).await.expect("the second ping at the latest");
    assert_eq!((ended.by, ended.frame, ended.cut_short), (EndedBy::Transport, None, false));
    assert_eq!(Arc::strong_count(&held), 1, "what it held is free");
    let mut read = vec![0; message(b"unread").len()];
    guarded.read_exact(&mut read).await.expect("what came before is the handler's");
    assert_eq!(read, message(b"unread"));
    assert!(guarded.write_all(b"\x81\x01a").await.is_err());
    drop(guarded);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_panics_closes_its_connection_with_1011() {
    let (_guarded, connection, mut far, _) = guarded(|_| panic!("on purpose"));
    let mut seen = Vec::new();
    tokio::time::timeout(SECOND * 5, far.read_to_end(&mut seen)).await.ok();
    assert_eq!(seen, b"\x88\x10\x03\xf3internal error");
    drop(far);
    let ended = connection.closed().await;
    assert_eq!(ended.frame.unwrap().code(), Some(CloseCode::INTERNAL_ERROR));
}

/// Whether something comes to an end, and no thread waits for itself.
fn ends(work: impl Future<Output = ()> + Send + 'static) -> bool {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(work);
        sender.send(()).unwrap();
    });
    receiver.recv_timeout(Duration::from_secs(10)).is_ok()
}

#[test]
fn a_transport_that_asks_its_connection_is_dropped_where_nothing_is_locked() {
    let by_an_abort = async {
        let (_guarded, connection, _far, _) = guarded(|_| Action::Abort);
        connection.closed().await;
    };
    assert!(ends(by_an_abort), "by an abort");
    let by_a_failure = async {
        let (_guarded, connection, _far, broken) = guarded(|_| Action::Ping);
        broken.store(true, Ordering::Relaxed);
        connection.closed().await;
    };
    assert!(ends(by_a_failure), "by a failure");
    let by_its_handler = async {
        let (guarded, connection, far, _) = guarded(|_| Action::None);
        drop((guarded, far));
        connection.closed().await;
    };
    assert!(ends(by_its_handler), "by its handler");
}
