//! A raw WebSocket over either version of HTTP.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::Empty;
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::wire::put_frame;

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http {
    /// A WebSocket is a connection of its own (RFC 6455).
    One,
    /// A WebSocket is a stream of a connection (RFC 8441).
    Two,
}

/// A WebSocket that was admitted.
pub struct Socket(TokioIo<hyper::upgrade::Upgraded>);

/// The status of a handshake.
pub async fn ask(address: SocketAddr, path: &'static str, http: Http) -> StatusCode {
    respond(address, path, http).await.unwrap().status()
}

/// `None` if the server does not answer.
async fn respond(address: SocketAddr, path: &str, http: Http) -> Option<Response<Incoming>> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).unwrap();
    let (stream, uri) = (TokioIo::new(stream), format!("http://{address}{path}"));
    let request = Request::builder().header("sec-websocket-version", "13").uri(&uri);
    match http {
        Http::One => {
            let (mut client, connection) = conn::http1::handshake(stream).await.ok()?;
            tokio::spawn(connection.with_upgrades());
            let request = request.header("host", address.to_string()).header("connection", "upgrade");
            let request =
                request.header("upgrade", "websocket").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.ok()
        }
        Http::Two => {
            let (mut client, connection) = conn::http2::handshake(TokioExecutor::new(), stream).await.ok()?;
            tokio::spawn(connection);
            // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
            let nothing = Request::get(format!("http://{address}/nothing")).body(Empty::<Bytes>::new()).unwrap();
            client.send_request(nothing).await.ok()?;
            let protocol = hyper::ext::Protocol::from_static("websocket");
            let request = request.method(Method::CONNECT).version(Version::HTTP_2).extension(protocol);
            client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.ok()
        }
    }
}

impl Socket {
    /// Opens a WebSocket, which the server admits.
    pub async fn open(address: SocketAddr, path: &str, http: Http) -> Self {
        let response = respond(address, path, http).await.unwrap();
        assert!(matches!(response.status().as_u16(), 101 | 200), "{response:?}");
        Self(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))
    }

    /// `None` if the server refuses, or is gone.
    pub async fn try_open(address: SocketAddr) -> Option<Self> {
        let response = respond(address, "/", Http::One).await?;
        let admitted = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if admitted { Some(Self(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))) } else { None }
    }

    /// Sends a frame; the server may be gone.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        let mut frame = Vec::new();
        put_frame(&mut frame, first, payload);
        // The server may be gone.
        let _sent = self.0.write_all(&frame).await;
    }

    /// Closes, or answers a close. Over HTTP/2 that ends with the stream.
    pub async fn close(&mut self) {
        self.send(0x88, b"\x03\xe8").await;
        let _ended = self.0.shutdown().await;
    }

    /// Sends a message, and reads its echo.
    pub async fn echoes(&mut self) {
        self.send(0x81, b"echo").await;
        assert_eq!(self.frame().await, b"\x81\x04echo");
    }

    /// The next frame, which is short.
    pub async fn frame(&mut self) -> Vec<u8> {
        let mut frame = vec![0; 2];
        let read = async {
            self.0.read_exact(&mut frame).await?;
            let mut payload = vec![0; usize::from(frame[1])];
            self.0.read_exact(&mut payload).await?;
            frame.extend(payload);
            std::io::Result::Ok(())
        };
        timeout(Duration::from_secs(10), read).await.expect("10 s passed").unwrap();
        frame
    }

    /// Reads up to the end or a reset.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(Duration::from_secs(10), self.0.read_to_end(&mut rest)).await.expect("10 s passed");
        drop(read);
        rest
    }
}
