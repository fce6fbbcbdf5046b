//! A client that can vanish in every way.

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture};
use http::{Method, Request, Version};
use interop::wire::{handshake, put_frame};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{
    server::Address,
    table::{Protocol, Way},
};

/// One connection, and the WebSocket on it.
pub(super) struct Client {
    over: Over,
    buffer: Vec<u8>,
}

enum Over {
    /// The connection is the WebSocket's.
    One(Box<dyn Io>),
    /// A stream of it is.
    Two(Box<Stream>),
    Nothing,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

struct Stream {
    send: SendStream<Bytes>,
    answer: Option<ResponseFuture>,
    receive: Option<RecvStream>,
    /// What runs the connection.
    driver: JoinHandle<()>,
}

impl Client {
    /// Requests a WebSocket, without waiting for the response.
    pub(super) async fn connect(address: &Address, protocol: Protocol, way: Way) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if way == Way::Shut {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        let stream = socket.connect(address.socket).await.unwrap();
        stream.set_nodelay(true).unwrap();
        if way == Way::Reset {
            stream.set_zero_linger().unwrap();
        }
        let over = match protocol {
            Protocol::Tcp => Over::One(ask(stream).await),
            Protocol::Tls => {
                let name = ServerName::try_from("localhost").unwrap();
                let tls = address.tls.as_ref().expect("the server has it, too");
                Over::One(ask(tls.connect(name, stream).await.unwrap()).await)
            }
            Protocol::Http2 | Protocol::Http2Connection => Over::Two(Box::new(Stream::open(stream, way).await)),
        };
        Self { over, buffer: Vec::new() }
    }

    /// Waits until the server has accepted.
    pub(super) async fn opened(&mut self) {
        if let Over::Two(stream) = &mut self.over {
            let answer = stream.answer.take().expect("it opens once").await.unwrap();
            assert_eq!(answer.status(), 200);
            stream.receive = Some(answer.into_body());
            return;
        }
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill().await;
        };
        let head = self.buffer.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    }

    /// Sends messages, and waits for the echo of the first.
    pub(super) async fn echoes(&mut self, bytes: usize) {
        let mut messages = Vec::new();
        while messages.len() < bytes {
            put_frame(&mut messages, 0x81, b"hello");
        }
        self.send(&messages).await;
        self.reads(b"\x81\x05hello").await;
    }

    /// Reads what must come next, except pings, which it does not answer.
    pub(super) async fn reads(&mut self, bytes: &[u8]) {
        loop {
            match self.buffer.as_slice() {
                [0x89, 8, ping @ ..] if ping.len() >= 8 => drop(self.buffer.drain(..10)),
                [0x89, ..] => self.fill().await,
                buffer if buffer.len() >= bytes.len() => break,
                _ => self.fill().await,
            }
        }
        assert_eq!(self.buffer.drain(..bytes.len()).collect::<Vec<_>>(), bytes);
    }

    async fn fill(&mut self) {
        match &mut self.over {
            Over::One(io) => assert_ne!(io.read_buf(&mut self.buffer).await.unwrap(), 0),
            Over::Two(stream) => {
                let receive = stream.receive.as_mut().expect("it is open");
                self.buffer.extend(receive.data().await.expect("it goes on").unwrap());
            }
            Over::Nothing => panic!("it has vanished"),
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        match &mut self.over {
            Over::One(io) => {
                io.write_all(bytes).await.unwrap();
                io.flush().await.unwrap();
            }
            Over::Two(stream) => stream.send.send_data(Bytes::copy_from_slice(bytes), false).unwrap(),
            Over::Nothing => panic!("it has vanished"),
        }
    }

    /// Requests answers, which it does not read.
    pub(super) async fn pings(&mut self, count: usize) {
        let mut pings = Vec::new();
        for _ in 0..count {
            put_frame(&mut pings, 0x89, &[b'?'; 125]);
        }
        self.send(&pings).await;
    }

    /// Vanishes.
    pub(super) async fn vanish(&mut self, way: Way, protocol: Protocol) {
        match (std::mem::replace(&mut self.over, Over::Nothing), protocol, way) {
            (Over::Two(mut stream), Protocol::Http2, Way::Fin) => {
                stream.send.send_data(Bytes::new(), true).unwrap();
                self.over = Over::Two(stream);
            }
            (Over::Two(mut stream), Protocol::Http2, _) => {
                stream.send.send_reset(Reason::CANCEL);
                self.over = Over::Two(stream);
            }
            (Over::Two(stream), ..) => {
                stream.driver.abort();
                let Stream { driver, send, receive, answer } = *stream;
                // The connection ends before its stream does.
                let _aborted = driver.await;
                drop((send, receive, answer));
            }
            (gone, ..) => drop(gone),
        }
    }
}

async fn ask(mut io: impl Io + 'static) -> Box<dyn Io> {
    io.write_all(handshake("/").as_bytes()).await.unwrap();
    io.flush().await.unwrap();
    Box::new(io)
}

impl Stream {
    async fn open(stream: TcpStream, way: Way) -> Self {
        let window = if way == Way::Shut { 64 } else { 64 * 1024 };
        let mut builder = h2::client::Builder::new();
        let (client, connection) = builder.initial_window_size(window).handshake(stream).await.unwrap();
        let driver = tokio::spawn(async { drop(connection.await) });
        let mut client = client.ready().await.unwrap();
        // The server's settings must have arrived before an extended CONNECT may be sent (RFC 8441, section 3).
        let nothing = Request::get("http://localhost/nothing").body(()).unwrap();
        client.send_request(nothing, true).unwrap().0.await.unwrap();
        let mut client = client.ready().await.unwrap();
        let request = Request::builder().method(Method::CONNECT).version(Version::HTTP_2).uri("http://localhost/");
        let request = request.header("sec-websocket-version", "13");
        let request = request.extension(h2::ext::Protocol::from_static("websocket")).body(()).unwrap();
        let (answer, send) = client.send_request(request, false).unwrap();
        Self { send, answer: Some(answer), receive: None, driver }
    }
}
