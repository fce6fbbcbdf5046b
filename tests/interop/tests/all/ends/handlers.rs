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

/// What a handler tells of itself.
#[derive(Clone)]
pub(super) struct Told {
    arrives: mpsc::UnboundedSender<Arrived>,
    tells: mpsc::UnboundedSender<()>,
    returns: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Told {
    pub(super) fn new(
        arrives: mpsc::UnboundedSender<Arrived>,
        tells: mpsc::UnboundedSender<()>,
        returns: oneshot::Sender<()>,
    ) -> Self {
        Self { arrives, tells, returns: Arc::new(Mutex::new(Some(returns))) }
    }

    /// The handshake has come. Waits until it may go on.
    async fn arrive(&self, connection: Connection) {
        let (go_on, waits) = oneshot::channel();
        self.arrives.send((connection, go_on)).expect("the row holds the receiver");
        waits.await.expect("the row goes on");
    }

    /// The handler is where it should be. A row may have ended meanwhile.
    fn tell(&self) {
        let _told = self.tells.send(());
    }
}

pub(super) fn routes(phase: Phase, way: Way, told: Told) -> Router {
    let shut = way == Way::Shut;
    let route = match phase {
        Phase::HalfAFrame => any(async move |connection: Connection, request: Request| {
            told.arrive(connection).await;
            half(request, shut, told)
        }),
        Phase::Upgrading => any(async move |connection: Connection| {
            // What it holds is dropped with it.
            let _returns = told.returns.lock().unwrap().take();
            told.arrive(connection).await;
            told.tell();
            pending::<()>().await;
        }),
        _ => any(async move |connection: Connection, up: WebSocketUpgrade| {
            let returns = told.returns.lock().unwrap().take();
            told.arrive(connection).await;
            upgrade(up, async move |mut socket| {
                let _returns = returns;
                match (phase, shut) {
                    (Phase::Busy, _) => {
                        socket.recv().await.unwrap().unwrap();
                        told.tell();
                        pending::<()>().await;
                    }
                    (Phase::Delayed, true) => {
                        let first = socket.recv().await.unwrap().unwrap();
                        socket.send(first).await.unwrap();
                        feed(socket, told).await;
                    }
                    (Phase::Open | Phase::Closing, true) => feed(socket, told).await,
                    _ => echo(socket).await,
                }
            })
        }),
    };
    Router::new().route("/", route)
}

/// Sends for as long as it can, and says when it has to wait.
async fn feed(mut socket: WebSocket, told: Told) {
    loop {
        let mut sent = pin!(socket.send(Message::binary(vec![0; 1 << 20])));
        let sent = match poll_fn(|cx| Poll::Ready(sent.as_mut().poll(cx))).await {
            Poll::Ready(sent) => sent,
            Poll::Pending => {
                told.tell();
                sent.await
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Leaves the beginning of a frame: a short one, or as much of it as there is room for.
fn half(mut request: Request, shut: bool, told: Told) -> Response {
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
        told.tell();
        pending::<()>().await;
    });
    if http1 {
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    } else {
        StatusCode::OK.into_response()
    }
}
