//! WebSockets that are streams of one HTTP/2 connection (RFC 8441), over an in-memory pipe, so that the clock can be
//! paused.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn::http2::SendRequest, ext::Protocol, upgrade::Upgraded};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};

use crate::wire::put_frame;

/// The server's window for all streams of a connection: the minimum.
pub const WINDOW: u32 = 65_535;

/// One connection to a server that speaks HTTP/2.
pub struct Streams {
    sender: SendRequest<Empty<Bytes>>,
    cable: JoinHandle<()>,
    jammed: Arc<Notify>,
}

/// A WebSocket that was admitted.
pub struct Stream(TokioIo<Upgraded>);

impl Streams {
    /// Connects. The window of each stream is `window` bytes.
    pub async fn connect(app: Router, window: u32) -> Self {
        let ((near, mut end), (far, mut other_end)) = (duplex(64 * 1024), duplex(64 * 1024));
        let jammed = Arc::new(Notify::new());
        let jam = jammed.clone();
        let cable = tokio::spawn(async move {
            tokio::select! {
                _ = copy_bidirectional(&mut end, &mut other_end) => {}
                () = jam.notified() => std::future::pending().await,
            }
        });
        tokio::spawn(async move {
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.enable_connect_protocol().initial_connection_window_size(WINDOW).initial_stream_window_size(WINDOW);
            let _client_may_leave = server.serve_connection(TokioIo::new(far), TowerToHyperService::new(app)).await;
        });
        let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(window);
        let (sender, connection) = client.handshake(TokioIo::new(near)).await.unwrap();
        tokio::spawn(connection);
        let mut streams = Self { sender, cable, jammed };
        // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
        streams.respond(Method::GET).await;
        streams
    }

    async fn respond(&mut self, method: Method) -> Response<Incoming> {
        let request = Request::builder().method(&method).uri("http://localhost/").version(Version::HTTP_2);
        let mut request = request.header("sec-websocket-version", "13").body(Empty::new()).unwrap();
        if method == Method::CONNECT {
            request.extensions_mut().insert(Protocol::from_static("websocket"));
        }
        let response = timeout(Duration::from_secs(10), self.sender.send_request(request));
        response.await.expect("10 s passed").unwrap()
    }

    /// Opens a WebSocket, or returns the status of the refusal.
    ///
    /// # Errors
    ///
    /// The status of the answer, if it is not 200.
    pub async fn try_open(&mut self) -> Result<Stream, u16> {
        let response = self.respond(Method::CONNECT).await;
        match response.status().as_u16() {
            200 => Ok(Stream(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))),
            status => Err(status),
        }
    }

    /// Opens a WebSocket, which the server admits.
    pub async fn open(&mut self) -> Stream {
        self.try_open().await.unwrap()
    }

    /// Stalls the connection: it stays open, and neither side reads.
    pub fn jam(&self) {
        self.jammed.notify_one();
    }

    /// Ends the connection, whatever its streams do.
    pub fn vanish(&self) {
        self.cable.abort();
    }
}

impl Stream {
    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Sends a frame.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, payload);
        self.write(&frame).await;
    }

    /// Reads `count` bytes.
    pub async fn read(&mut self, bytes: usize) -> Vec<u8> {
        let mut read = vec![0; bytes];
        self.0.read_exact(&mut read).await.unwrap();
        read
    }

    /// Reads up to the end of the stream.
    ///
    /// # Errors
    ///
    /// If the stream is reset.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await?;
        Ok(rest)
    }

    /// Sends a message, and reads its echo.
    pub async fn echoes(&mut self) {
        self.send(0x81, b"echo").await;
        let echo = timeout(Duration::from_millis(100), self.read(6)).await.expect("a sibling is not held up");
        assert_eq!(echo, b"\x81\x04echo");
    }
}
