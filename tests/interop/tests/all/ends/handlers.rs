//! What handlers do when their client vanishes.

use std::{
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::Poll,
};

use axum::{
    Router,
    extract::{
        Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::{IntoResponse, Response},
    routing::any,
};
use http::{StatusCode, Version};
use hyper_util::rt::TokioIo;
use interop::handlers::{echo, upgrade};
use portcullis_core::Connection;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
};

use super::table::{Phase, Way};

/// The beginning of a frame of a mebibyte.
pub(super) const HALF: &[u8] = b"\x82\x7f\0\0\0\0\0\x10\0\0half";

/// A connection whose handshake waits until it may go on.
pub(super) type Arrived = (Connection, oneshot::Sender<()>);

/// The channels through which a handler reports its progress.
#[derive(Clone)]
pub(super) struct Progress {
    arrives: mpsc::UnboundedSender<Arrived>,
    reports: mpsc::UnboundedSender<()>,
    returns: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Progress {
    pub(super) fn new(
        arrives: mpsc::UnboundedSender<Arrived>,
        reports: mpsc::UnboundedSender<()>,
        returns: oneshot::Sender<()>,
    ) -> Self {
        Self { arrives, reports, returns: Arc::new(Mutex::new(Some(returns))) }
    }

    /// Reports the handshake, and waits until it may continue.
    async fn arrive(&self, connection: Connection) {
        let (go_on, waits) = oneshot::channel();
        self.arrives.send((connection, go_on)).expect("the row holds the receiver");
        waits.await.expect("the row goes on");
    }

    /// Reports that the handler is in its phase. The row may have ended in the meantime.
    fn report(&self) {
        let _reported = self.reports.send(());
    }
}

pub(super) fn routes(phase: Phase, way: Way, progress: Progress) -> Router {
    let shut = way == Way::Shut;
    let route = match phase {
        Phase::HalfAFrame => any(async move |connection: Connection, request: Request| {
            progress.arrive(connection).await;
            half(request, shut, progress)
        }),
        Phase::Upgrading => any(async move |connection: Connection| {
            // What it holds is dropped with it.
            let _returns = progress.returns.lock().unwrap().take();
            progress.arrive(connection).await;
            progress.report();
            pending::<()>().await;
        }),
        _ => any(async move |connection: Connection, up: WebSocketUpgrade| {
            let returns = progress.returns.lock().unwrap().take();
            progress.arrive(connection).await;
            upgrade(up, async move |mut socket| {
                let _returns = returns;
                match (phase, shut) {
                    (Phase::Busy, _) => {
                        socket.recv().await.unwrap().unwrap();
                        progress.report();
                        pending::<()>().await;
                    }
                    (Phase::Delayed, true) => {
                        let first = socket.recv().await.unwrap().unwrap();
                        socket.send(first).await.unwrap();
                        feed(socket, progress).await;
                    }
                    (Phase::Open | Phase::Closing, true) => feed(socket, progress).await,
                    _ => echo(socket).await,
                }
            })
        }),
    };
    Router::new().route("/", route)
}

/// Sends for as long as it can, and reports when it has to wait.
async fn feed(mut socket: WebSocket, progress: Progress) {
    loop {
        let mut sent = pin!(socket.send(Message::binary(vec![0; 1 << 20])));
        let sent = match poll_fn(|cx| Poll::Ready(sent.as_mut().poll(cx))).await {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                progress.report();
                sent.await
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Writes the beginning of a frame: of a short one, or as much as there is room for.
fn half(mut request: Request, shut: bool, progress: Progress) -> Response {
    let http1 = request.version() < Version::HTTP_2;
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        if shut {
            let mut frame = b"\x82\x7f\0\0\0\xff\0\0\0\0".to_vec();
            frame.resize(1 << 20, 0);
            while poll_fn(|cx| Poll::Ready(Pin::new(&mut io).poll_write(cx, &frame))).await.is_ready() {
                // What follows is payload.
                frame.fill(0);
            }
        } else {
            io.write_all(HALF).await.unwrap();
            io.flush().await.unwrap();
        }
        progress.report();
        pending::<()>().await;
    });
    if http1 {
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    } else {
        StatusCode::OK.into_response()
    }
}
