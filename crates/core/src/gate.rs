//! Holds a connection back until its first message was accepted.
//!
//! A browser cannot set headers on a handshake, so many clients send their token as the first message. Until it has
//! arrived, the server does not know who the client is, and must not let it cost much: a [`Gate`] bounds the time, the
//! size and the number of frames, and the handler does not run.
//!
//! - The handshake is accepted, since only then can a message arrive. To the handler's library the upgrade is still
//!   pending.
//! - The gate reads the message itself, without a WebSocket library: fragments are joined, pings are answered, and
//!   compression is never agreed on.
//! - The decision is a future, which may ask a store or an issuer. Its time is a part of the bound.
//!
//! **What this does not do**: hide that there is a WebSocket. A client that is turned away has seen a `101` and a close
//! frame, and holds a permit of a connection limit until then.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::close::{CloseCode, CloseFrame};

/// The first message of a connection.
///
/// ```
/// use portcullis_core::{CloseCode, CloseFrame, gate::FirstMessage};
///
/// /// Reads a token that must be text, and of characters that a header could carry as well.
/// fn token(message: &FirstMessage) -> Result<&str, CloseFrame> {
///     let refused = || CloseFrame::new(CloseCode::UNAUTHORIZED, "no token");
///     let text = str::from_utf8(message.payload()).map_err(|_| refused())?;
///     if message.is_text() && text.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(text) } else { Err(refused()) }
/// }
/// # let _ = token;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FirstMessage {
    pub(crate) text: bool,
    pub(crate) payload: Vec<u8>,
}

impl FirstMessage {
    /// Returns true if it was sent as text. It is not checked to be UTF-8.
    pub fn is_text(&self) -> bool {
        self.text
    }

    /// Returns the payload, unmasked and with its fragments joined.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Shows the size only, because the first message is usually a secret.
impl fmt::Debug for FirstMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessage").field("bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

pub(crate) type Judgement = Pin<Box<dyn Future<Output = Result<Option<String>, CloseFrame>> + Send>>;

/// Holds a connection back from its handler until its first message was accepted.
///
/// The handler does not see this message, unless it is [forwarded](Self::forward), but everything that follows it.
/// Until then pings are answered, frames that break a framing rule close with 1002, and more than 64 frames close with
/// 1008. Policies are not called. If the message is not accepted, or does not arrive in time, the connection is closed
/// and the handler's upgrade fails.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// # use std::convert::Infallible;
/// # use http::{Request, Response};
/// # use hyper::body::Incoming;
/// # use tower::service_fn;
/// use portcullis_core::{
///     CloseCode, CloseFrame, gate::{FirstMessage, Gate}, testing::{Handshake, Message}, upgrade,
/// };
///
/// async fn password(message: FirstMessage) -> Result<Option<String>, CloseFrame> {
///     match message.payload() {
///         b"open sesame" => Ok(Some("come in".to_owned())),
///         _ => Err(CloseFrame::new(CloseCode::UNAUTHORIZED, "wrong")),
///     }
/// }
///
/// # async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
/// #     let upgrade = hyper::upgrade::on(&mut request);
/// #     tokio::spawn(async move {
/// #         let mut socket = hyper_util::rt::TokioIo::new(upgrade.await?);
/// #         let _end = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
/// #         hyper::Result::Ok(())
/// #     });
/// #     let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
/// #     Ok(response.body(String::new()).unwrap())
/// # }
/// // The service of a layer, around a handler.
/// let service = service_fn(|request| {
///     upgrade::call(&mut service_fn(handler), request, |guarded, parts| {
///         guarded.gate(parts, Gate::new(password).max_bytes(64))?;
///         Ok(None)
///     })
/// });
/// for (message, answer) in [("open sesame", Some("come in")), ("open barley", None)] {
///     let mut client = Handshake::new("/ws").connect(service).await.unwrap();
///     client.send_text(message).await.unwrap();
///     match client.next().await.unwrap() {
///         Message::Text(text) => assert_eq!(Some(text.as_str()), answer),
///         refused => assert_eq!(refused, Message::Close(CloseFrame::new(CloseCode::UNAUTHORIZED, "wrong"))),
///     }
/// }
/// let mut silent = Handshake::new("/ws").connect(service).await.unwrap();
/// assert_eq!(silent.closed().await.unwrap().to_string(), "3008 no first message in time");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
pub struct Gate {
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) close_frame: CloseFrame,
    pub(crate) forward: bool,
    pub(crate) judge: Box<dyn FnOnce(FirstMessage) -> Judgement + Send>,
}

impl Gate {
    /// Creates a gate. `judge` returns `Ok` to accept the first message, with a text message to answer it if the client
    /// expects one, or the close frame to refuse it with.
    ///
    /// # Defaults
    ///
    /// 10 s for the message and the decision about it; 8 KiB; the message is not forwarded.
    pub fn new<F, J>(judge: F) -> Self
    where
        F: FnOnce(FirstMessage) -> J + Send + 'static,
        J: Future<Output = Result<Option<String>, CloseFrame>> + Send + 'static,
    {
        Self {
            timeout: Duration::from_secs(10),
            max_bytes: 8 * 1024,
            close_frame: CloseFrame::new(CloseCode::TIMEOUT, "no first message in time"),
            forward: false,
            judge: Box::new(move |message| Box::pin(judge(message))),
        }
    }

    /// Sets how long the client and `judge` may take together, 10 s by default.
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    ///
    /// A client that sends its message byte by byte has no more time than one that sends nothing:
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::{convert::Infallible, time::Duration};
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use portcullis_core::{gate::{FirstMessage, Gate}, testing::Handshake, upgrade};
    /// # use tower::service_fn;
    /// # async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    /// #     tokio::spawn(hyper::upgrade::on(&mut request));
    /// #     let response = Response::builder().status(101).header("connection", "upgrade");
    /// #     Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// # }
    /// let service = service_fn(|request| {
    ///     upgrade::call(&mut service_fn(handler), request, |guarded, parts| {
    ///         let gate = Gate::new(async |_: FirstMessage| Ok(None)).timeout(Duration::from_secs(3)).max_bytes(16);
    ///         guarded.gate(parts, gate)?;
    ///         Ok(None)
    ///     })
    /// });
    /// let mut slow = Handshake::new("/ws").connect(service).await.unwrap();
    /// slow.send_bytes(b"\x81\x85\0\0\0\0hel").await.unwrap(); // five bytes are announced, three are sent
    /// let opened = tokio::time::Instant::now();
    /// assert_eq!(slow.closed().await.unwrap().to_string(), "3008 no first message in time");
    /// assert_eq!(opened.elapsed().as_secs(), 3);
    ///
    /// let mut large = Handshake::new("/ws").connect(service).await.unwrap();
    /// large.send_text("a message of more than sixteen bytes").await.unwrap();
    /// assert_eq!(large.closed().await.unwrap().to_string(), "1009 first message too big");
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    #[track_caller]
    pub fn timeout(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a first message must have time to arrive");
        self.timeout = time;
        self
    }

    /// Sets the maximum size of the message in bytes, 8 KiB by default. A larger one closes with 1009.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a first message may have one byte at least");
        self.max_bytes = bytes;
        self
    }

    /// Sets the close frame for a message that does not arrive in time. 3008 by default.
    ///
    /// ```
    /// use portcullis_core::{CloseCode, CloseFrame, gate::{FirstMessage, Gate}};
    ///
    /// // A protocol whose clients know 4001 for "please sign in".
    /// let sign_in = CloseFrame::new(CloseCode::new(4001).unwrap(), "sign in");
    /// let gate = Gate::new(async |_: FirstMessage| Ok(None)).close_frame(sign_in);
    /// assert!(format!("{gate:?}").contains("4001"));
    /// ```
    pub fn close_frame(mut self, frame: CloseFrame) -> Self {
        self.close_frame = frame;
        self
    }

    /// Passes the message on to the handler once it was accepted, as one frame, for a protocol whose library waits for
    /// it. Policies are called for it then, as for any other message.
    ///
    /// A forwarded message counts like any other:
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use portcullis_core::{Connection, gate::{FirstMessage, Gate}, testing::Handshake, upgrade};
    /// # use tokio::sync::mpsc;
    /// # use tower::service_fn;
    /// # async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    /// #     let connection = request.extensions().get::<Connection>().unwrap().clone();
    /// #     let report = request.extensions().get::<mpsc::UnboundedSender<u64>>().unwrap().clone();
    /// #     let upgrade = hyper::upgrade::on(&mut request);
    /// #     tokio::spawn(async move {
    /// #         let mut socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
    /// #         tokio::io::AsyncReadExt::read_exact(&mut socket, &mut [0; 8]).await.unwrap();
    /// #         report.send(connection.counters().messages_in)
    /// #     });
    /// #     let response = Response::builder().status(101).header("connection", "upgrade");
    /// #     Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// # }
    /// let (report, mut reported) = mpsc::unbounded_channel::<u64>();
    /// for forward in [true, false] {
    ///     // `handler` reads one message, and reports how many were delivered to it.
    ///     let service = service_fn(move |request| {
    ///         upgrade::call(&mut service_fn(handler), request, |guarded, parts| {
    ///             let gate = Gate::new(async |_: FirstMessage| Ok(None));
    ///             guarded.gate(parts, if forward { gate.forward() } else { gate })?;
    ///             Ok(None)
    ///         })
    ///     });
    ///     let mut client = Handshake::new("/ws").extension(report.clone()).connect(service).await.unwrap();
    ///     client.send_text("hi").await.unwrap();
    ///     if !forward {
    ///         let silence = std::time::Duration::from_secs(60);
    ///         assert!(tokio::time::timeout(silence, reported.recv()).await.is_err(), "the handler has read nothing");
    ///         client.send_text("ho").await.unwrap();
    ///     }
    ///     assert_eq!(reported.recv().await, Some(1));
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn forward(mut self) -> Self {
        self.forward = true;
        self
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("timeout", &self.timeout)
            .field("max_bytes", &self.max_bytes)
            .field("close_frame", &self.close_frame)
            .field("forward", &self.forward)
            .finish_non_exhaustive()
    }
}
