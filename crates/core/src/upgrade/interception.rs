//! The inner connection that yields an `OnUpgrade` of our own.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::Service,
    upgrade::OnUpgrade,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    carrier::Carrier,
    clock::now,
    connection::{Connection, ConnectionInner},
    io::{GuardedIo, Line, Shared, run_gate, strip},
    settings::Settings,
    sync::lock,
};

/// A CONNECT needs no header to be an upgrade, and headers cost.
const REQUEST: &[u8] = b"CONNECT x:1 HTTP/1.1\r\n\r\n";
const END_OF_HEAD: &[u8; 4] = b"\r\n\r\n";

type Transport = Line;
type HyperConnection = http1::UpgradeableConnection<TokioIo<Tunnel>, Relay>;

/// An inner connection that stands before its response.
pub(super) struct Interception {
    /// Some kilobytes, which nobody should have to move.
    driver: Pin<Box<HyperConnection>>,
    exchange: Arc<Exchange>,
    inner: Arc<ConnectionInner>,
}

impl Interception {
    /// Lets it complete as soon as the real upgrade has. The task ends there.
    pub(super) fn run(self) {
        self.exchange.released.store(true, Ordering::Release);
        // A failed upgrade reaches whoever awaits the `OnUpgrade`.
        self.inner.runtime.spawn(self.driver);
    }
}

/// Opens an inner connection, as far as the `OnUpgrade`. `None` if hyper behaves as it never did.
pub(super) fn open(
    inner: Arc<ConnectionInner>,
    real: OnUpgrade,
    carrier: Carrier,
) -> Option<(OnUpgrade, Connection, Interception)> {
    let (guarded, connection) = GuardedIo::pending(inner.clone(), &Settings::default());
    let exchange = Arc::new(Exchange { upgrade: Mutex::new(Some(real)), released: AtomicBool::new(false) });
    let relay = Relay { exchange: exchange.clone(), shared: guarded.shared(), carrier };
    // The tunnel is the handler's half from here on: if the inner connection is dropped, because there is no upgrade,
    // the guard sees its handler leave, and that ends it.
    let tunnel = TokioIo::new(Tunnel { request: REQUEST, matched: 0, live: false, guarded });
    let mut driver = Box::pin(builder().serve_connection(tunnel, relay).with_upgrades());
    if driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        return None;
    }
    let ours = lock(&exchange.upgrade).take()?;
    Some((ours, connection, Interception { driver, exchange, inner }))
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // No timer is configured, and a date nobody reads costs. With half-closed streams allowed, hyper does not look for
    // an early end of the stream, for which it would make room first.
    builder.auto_date_header(false).header_read_timeout(None).half_close(true);
    builder
}

/// What the inner connection and whoever opened it exchange.
struct Exchange {
    /// The real upgrade on the way in, ours on the way out.
    upgrade: Mutex<Option<OnUpgrade>>,
    /// The response is known, and the connection may begin. Set before the task that reads it is spawned.
    /// The one poll before that finds `false`, and is not waited for.
    released: AtomicBool,
}

/// The inner connection's service: awaits the real upgrade, and answers when it has come.
struct Relay {
    exchange: Arc<Exchange>,
    shared: Arc<Shared<Transport>>,
    carrier: Carrier,
}

impl Service<Request<Incoming>> for Relay {
    type Response = Response<Empty<Bytes>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Awaiting;

    fn call(&self, mut request: Request<Incoming>) -> Awaiting {
        let real = lock(&self.exchange.upgrade).replace(hyper::upgrade::on(&mut request));
        Awaiting {
            real,
            passing: None,
            exchange: self.exchange.clone(),
            shared: self.shared.clone(),
            carrier: self.carrier,
        }
    }
}

struct Awaiting {
    real: Option<OnUpgrade>,
    /// The connection has come, and has something to say before its handler gets it.
    passing: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
    exchange: Arc<Exchange>,
    shared: Arc<Shared<Transport>>,
    carrier: Carrier,
}

impl Future for Awaiting {
    type Output = Result<Response<Empty<Bytes>>, Box<dyn Error + Send + Sync>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The first poll happens before the response is known, with a waker that wakes nobody: the policies are not
        // complete, and the real upgrade may be resolved already.
        let this = &mut *self;
        if let Some(passing) = &mut this.passing {
            return passing
                .as_mut()
                .poll(cx)
                .map(|passed| if passed { Ok(granted()) } else { Err(TURNED_AWAY.into()) });
        }
        let (true, Some(real)) = (this.exchange.released.load(Ordering::Acquire), &mut this.real) else {
            return Poll::Pending;
        };
        let upgraded = std::task::ready!(Pin::new(real).poll(cx))?;
        this.real = None;
        this.shared.inner.stage.opened(now());
        let (io, inbox) = strip(upgraded);
        let Some(gate) = this.shared.take_gate() else {
            this.shared.activate(io, inbox, this.carrier);
            return Poll::Ready(Ok(granted()));
        };
        this.passing = Some(Box::pin(run_gate(this.shared.clone(), io, inbox, *gate, this.carrier)));
        self.poll(cx)
    }
}

const TURNED_AWAY: &str = "the connection was turned away before its first message was accepted";

/// Success is what completes a CONNECT (RFC 9110, section 9.3.6).
fn granted() -> Response<Empty<Bytes>> {
    Response::new(Empty::new())
}

/// First yields the fixed request and swallows the response, then is the guarded connection.
struct Tunnel {
    request: &'static [u8],
    /// So much of what ends the response's head was swallowed: behind that, the masquerade is over.
    matched: usize,
    live: bool,
    guarded: GuardedIo<Transport>,
}

impl Tunnel {
    fn swallow(&mut self, data: &[u8]) -> usize {
        for (taken, &byte) in data.iter().enumerate() {
            let goes_on = byte == END_OF_HEAD[self.matched];
            // What does not go on may begin anew, with a carriage return.
            self.matched = if goes_on { self.matched + 1 } else { usize::from(byte == END_OF_HEAD[0]) };
            if self.matched == END_OF_HEAD.len() {
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
        // No waker is kept. What ends this is the response, and the task that writes it reads on behind it.
        if self.request.is_empty() {
            return Poll::Pending;
        }
        let (now, later) = self.request.split_at(self.request.len().min(buf.remaining()));
        buf.put_slice(now);
        self.request = later;
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

    // hyper asks once, before the transport is there: a transport that cannot writes the first slice.
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
