//! The inner connection that yields an `OnUpgrade` of our own.
//!
//! Two things must come together: the real upgrade, which hyper fulfils when the response is sent, and the inner
//! connection, which hands the guarded transport to whatever awaits our `OnUpgrade`. `Waiting` holds both.
//!
//! # Which side waits for which
//!
//! ```text
//!   the handler's library      inner connection                       real connection
//!   ---------------------      ----------------                       ---------------
//!   awaits our OnUpgrade
//!                              Awaiting: pending, parks no waker      hyper sends the 101
//!                                                                     fulfils the real OnUpgrade
//!                                           Bystander::wake  <------- wakes
//!                              the transport is activated
//!                              one poll: Awaiting finds that, and
//!                              answers 200;
//!                              Tunnel swallows that, and is live
//!   is woken  <--------------- hyper fulfils our OnUpgrade
//!   reads and writes through Tunnel: the guarded connection
//! ```
//!
//! `Awaiting` needs no waker, because nothing polls the inner connection but `hand_on`, after the transport was handed
//! over. If the handshake fails instead, the inner connection is dropped with what it owns, the handler's half
//! among it, and that ends the guarded connection on the same path as a handler that leaves.
//!
//! This depends on how hyper behaves, and not on anything it promises: that one poll suffices to parse the fixed
//! request, and one to write the response. `open` returns `None` where the first does not hold, and `hand_on` spawns a
//! task where the second does not. So another version of hyper would cost a refusal with a sentence, or a task, and
//! never an unguarded connection.

use std::{
    cell::Cell,
    convert::Infallible,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering, fence},
    },
    task::{Context, Poll, Wake, Waker},
};

use http::{Request, Response};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::Service,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::unconstrained,
};

use crate::{
    carrier::Carrier,
    clock::now,
    connection::{Connection, ConnectionInner},
    io::{GuardedIo, Line, Shared, run_gate, strip},
    sync::try_lock,
};

/// A CONNECT, because it needs no headers to be an upgrade, and headers would have to be parsed.
const REQUEST: &[u8] = b"CONNECT x:1 HTTP/1.1\r\n\r\n";
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

type Transport = Line;
type HyperConnection = http1::UpgradeableConnection<TokioIo<Tunnel>, Relay>;

/// An inner connection that has yet to send its response. If it is dropped, the connection ends.
pub(super) struct Interception(Arc<Bystander>);

impl Interception {
    /// Completes the inner connection as soon as the real upgrade is fulfilled.
    pub(super) fn run(self) {
        self.0.look();
    }
}

/// An inner connection, and the real upgrade that it waits for.
struct Waiting {
    /// Boxed and pinned: it has some kilobytes.
    driver: Pin<Box<HyperConnection>>,
    carrier: Carrier,
    real: OnUpgrade,
}

impl Waiting {
    /// The real upgrade was fulfilled, or failed. Then our `OnUpgrade` fails with the inner connection, which is
    /// dropped, and the handler's library reports that.
    fn complete(self, real: Result<Upgraded, hyper::Error>, shared: &Arc<Shared<Transport>>) {
        let Ok(upgraded) = real else { return };
        shared.inner.stage.opened(now());
        let (io, inbox) = strip(upgraded);
        let Some(gate) = shared.take_gate() else {
            shared.activate(io, inbox, self.carrier);
            return self.hand_on(shared);
        };
        // A gate needs a task, since it waits for the peer, for a timeout, and for a verdict.
        let shared = shared.clone();
        shared.inner.runtime.clone().spawn(async move {
            if run_gate(shared.clone(), io, inbox, *gate, self.carrier).await {
                self.hand_on(&shared);
            }
        });
    }

    /// Hands the connection on, which needs no waiting: `Awaiting` finds that the guarded connection has the transport,
    /// hyper writes its response into `Tunnel`, which swallows it, and fulfils our `OnUpgrade`. Should another version
    /// of hyper need a second poll, a task does the rest.
    fn hand_on(mut self, shared: &Shared<Transport>) {
        if self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            shared.inner.runtime.spawn(self.driver);
        }
    }
}

/// The waker of the real upgrade. It completes the inner connection inside of `wake`, and so needs no task.
///
/// From its first look on, it and the upgrade own each other until hyper fulfils the upgrade or drops its sender.
/// Either wakes it, which breaks the cycle.
struct Bystander {
    shared: Arc<Shared<Transport>>,
    /// Locked while the upgrade is polled, but not while the connection is completed, which may call foreign code.
    waiting: Mutex<Option<Waiting>>,
    /// It was woken since the last poll began.
    woken: AtomicBool,
}

impl Bystander {
    /// Polls the real upgrade, unless another thread is at it, which then polls once more.
    ///
    /// One thread stores the flag and then tries the lock; the other unlocks and then loads the flag. If each missed
    /// what the other has stored, the upgrade would never be completed. The lock orders nothing in that direction, so
    /// there is a fence on each side, between the store and the load.
    ///
    /// The flag is swapped, and not stored, so that clearing it synchronizes with the wake that has set it: the poll
    /// behind it sees what the wake is about.
    fn look(self: Arc<Self>) {
        self.woken.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        loop {
            // The thread that has it will see the flag.
            let Some(mut waiting) = try_lock(&self.waiting) else { return };
            self.woken.swap(false, Ordering::AcqRel);
            let Some(inner) = &mut *waiting else { return };
            // `wake` runs inside of another task's poll. `unconstrained`, because that task's budget may be used up,
            // and a poll that is refused for want of budget would not be repeated.
            let real = pin!(unconstrained(&mut inner.real));
            let Poll::Ready(real) = real.poll(&mut Context::from_waker(&self.clone().into())) else {
                drop(waiting);
                fence(Ordering::SeqCst);
                if self.woken.load(Ordering::Acquire) {
                    continue;
                }
                return;
            };
            let inner = waiting.take();
            drop(waiting);
            if let Some(inner) = inner {
                inner.complete(real, &self.shared);
            }
            return;
        }
    }
}

impl Wake for Bystander {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

/// Opens an inner connection, up to the point at which it has yielded an `OnUpgrade`. `None` if hyper does not behave
/// as expected.
pub(super) fn open(
    inner: ConnectionInner,
    real: OnUpgrade,
    carrier: Carrier,
) -> Option<(OnUpgrade, Connection, Interception)> {
    let (guarded, connection) = GuardedIo::pending(inner);
    let shared = guarded.shared();
    // The tunnel owns the handler's half. If there is no upgrade, the inner connection is dropped, and the guard sees
    // its handler leave, which ends it.
    let tunnel = TokioIo::new(Tunnel { asked: 0, matched: 0, live: false, guarded });
    let mut driver = Box::pin(builder().serve_connection(tunnel, Relay(shared.clone())).with_upgrades());
    OURS.set(None);
    let polled = driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let ours = OURS.take().filter(|_| polled.is_pending())?;
    let waiting = Mutex::new(Some(Waiting { driver, carrier, real }));
    let bystander = Bystander { shared, waiting, woken: AtomicBool::new(false) };
    Some((ours, connection, Interception(Arc::new(bystander))))
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // No timer is configured, so there can be no timeout; and formatting a date that is never read has a cost. With
    // half-closed streams allowed, hyper does not read to find an early end of the stream, for which it would allocate
    // a buffer. The response is one piece, so that there is nothing to be written at once with it.
    builder.auto_date_header(false).header_read_timeout(None).half_close(true).writev(false);
    builder
}

thread_local! {
    /// What hyper has made in the current call of [`open`], which polls the service on this thread and takes it then.
    static OURS: Cell<Option<OnUpgrade>> = const { Cell::new(None) };
}

/// The inner connection's service: answers when the transport was handed over.
struct Relay(Arc<Shared<Transport>>);

impl Service<Request<Incoming>> for Relay {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Awaiting;

    fn call(&self, mut request: Request<Incoming>) -> Awaiting {
        OURS.set(Some(hyper::upgrade::on(&mut request)));
        Awaiting(self.0.clone())
    }
}

/// The response of the inner connection, which is pending until the guarded connection has the transport.
struct Awaiting(Arc<Shared<Transport>>);

impl Future for Awaiting {
    type Output = Result<Response<Empty<Bytes>>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // No waker is parked: the inner connection is not polled again before.
        if self.0.is_upgrading() { Poll::Pending } else { Poll::Ready(Ok(granted())) }
    }
}

/// Any successful response completes a CONNECT (RFC 9110, section 9.3.6).
fn granted() -> Response<Empty<Bytes>> {
    Response::new(Empty::new())
}

/// The I/O object of the inner connection. It yields the fixed request and swallows the response. After that, it is the
/// guarded connection.
struct Tunnel {
    /// How many bytes of the request were read.
    asked: u8,
    /// How many bytes of the end of the response's head were matched.
    matched: u8,
    /// The head of the response has ended: reads and writes go to the guarded connection.
    live: bool,
    guarded: GuardedIo<Transport>,
}

impl Tunnel {
    fn swallow(&mut self, data: &[u8]) -> usize {
        // hyper writes the head at once.
        let end = data.windows(END_OF_HEAD.len()).position(|window| window.first_chunk() == Some(END_OF_HEAD));
        if let (0, Some(at)) = (self.matched, end) {
            self.live = true;
            return at + END_OF_HEAD.len();
        }
        for (taken, &byte) in data.iter().enumerate() {
            let goes_on = byte == END_OF_HEAD[usize::from(self.matched)];
            // After a mismatch the byte may begin a new match, if it is a carriage return.
            self.matched = if goes_on { self.matched + 1 } else { u8::from(byte == END_OF_HEAD[0]) };
            if usize::from(self.matched) == END_OF_HEAD.len() {
                self.live = true;
                return taken + 1;
            }
        }
        data.len()
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.live {
            return Pin::new(&mut self.guarded).poll_read(cx, buf);
        }
        // No waker is parked. Only the response ends this state, and hyper reads again after it has written that.
        let unread = &REQUEST[usize::from(self.asked)..];
        if unread.is_empty() {
            return Poll::Pending;
        }
        let some = &unread[..unread.len().min(buf.remaining())];
        buf.put_slice(some);
        self.asked += u8::try_from(some.len()).unwrap_or(u8::MAX);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.live {
            return Pin::new(&mut self.guarded).poll_write(cx, data);
        }
        Poll::Ready(Ok(self.swallow(data)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.live {
            return Pin::new(&mut self.guarded).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        Poll::Ready(Ok(first.map_or(0, |slice| self.swallow(slice))))
    }

    // Asked of the upgraded connection, before there is a transport. If that cannot write vectored, it writes the first
    // slice.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.live { Pin::new(&mut self.guarded).poll_flush(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.live { Pin::new(&mut self.guarded).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use http::{Method, StatusCode, Version};
    use hyper::service::service_fn;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        runtime::Handle,
        time::timeout,
    };

    use super::*;

    const HANDSHAKE: &[u8] = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";

    /// A server that upgrades once, and gives the two halves of the interception away before it answers.
    fn serve(opened: impl Fn(OnUpgrade, Interception) + Send + 'static) -> DuplexStream {
        let (ours, theirs) = duplex(1024);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let inner = ConnectionInner::new(None, &Method::GET, Handle::current());
            let real = hyper::upgrade::on(&mut request);
            let (upgrade, _, interception) = open(inner, real, Carrier::of(Version::HTTP_11)).unwrap();
            opened(upgrade, interception);
            let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
            std::future::ready(Ok::<_, Infallible>(response.body(Empty::<Bytes>::new()).unwrap()))
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(theirs), service).with_upgrades();
        tokio::spawn(connection);
        ours
    }

    async fn hello(upgrade: OnUpgrade) {
        let mut upgraded = TokioIo::new(timeout(Duration::from_secs(10), upgrade).await.unwrap().unwrap());
        let mut read = [0; HELLO.len()];
        upgraded.read_exact(&mut read).await.unwrap();
        assert_eq!(read, HELLO);
    }

    #[tokio::test]
    async fn an_upgrade_is_completed_without_a_task() {
        let (sender, opened) = mpsc::channel();
        let mut client = serve(move |upgrade, interception| {
            let before = Handle::current().metrics().num_alive_tasks();
            interception.run();
            let after = Handle::current().metrics().num_alive_tasks();
            sender.send((upgrade, after - before)).unwrap();
        });
        client.write_all(&[HANDSHAKE, HELLO].concat()).await.unwrap();
        client.read_exact(&mut [0; 12]).await.unwrap();
        let (upgrade, spawned) = opened.recv().unwrap();
        assert_eq!(spawned, 0);
        hello(upgrade).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_upgrade_that_comes_in_any_moment_is_completed() {
        for turn in 0..300 {
            let (sender, opened) = mpsc::channel();
            let mut client = serve(move |upgrade, interception| sender.send((upgrade, interception)).unwrap());
            client.write_all(&[HANDSHAKE, HELLO].concat()).await.unwrap();
            let (upgrade, interception) = opened.recv().unwrap();
            // The server answers meanwhile, on another thread, or has.
            (0..turn).for_each(|_| std::hint::spin_loop());
            thread::spawn(move || interception.run()).join().unwrap();
            hello(upgrade).await;
        }
    }

    #[tokio::test]
    async fn an_upgrade_that_fails_fails_inside_too() {
        let (sender, opened) = mpsc::channel();
        let mut client = serve(move |upgrade, interception| {
            interception.run();
            sender.send(upgrade).unwrap();
        });
        client.write_all(HANDSHAKE).await.unwrap();
        // The server's answer finds no one that waits.
        drop(client);
        tokio::task::yield_now().await;
        let upgrade = opened.recv().unwrap();
        let failed = timeout(Duration::from_secs(10), upgrade).await.unwrap();
        assert!(failed.is_err());
    }
}
