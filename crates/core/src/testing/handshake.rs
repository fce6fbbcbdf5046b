//! A handshake through hyper, over a pipe in memory.

use std::{
    error::Error,
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use http::{Extensions, HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Builder};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::{Body, Bytes, Incoming},
    client, server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{DuplexStream, duplex},
    task::JoinHandle,
};
use tower_service::Service;

use super::{Client, ConnectError};
use crate::{refusal::Refusal, sync::lock};

type BoxError = Box<dyn Error + Send + Sync>;

/// A WebSocket handshake over HTTP/1.1, as a browser or a library sends it, and what a test adds to it.
///
/// ```
/// # use std::{convert::Infallible, future::ready};
/// # use hyper::body::Incoming;
/// use http::{Request, Response};
/// use portcullis_core::{handshake::is_handshake, testing::Handshake};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let service = service_fn(|request: Request<Incoming>| {
///     assert_eq!(request.headers()["host"], "chat.example.com");
///     assert_eq!(request.headers()["sec-websocket-version"], "13", "one of the headers that it always has");
///     let (parts, _) = request.into_parts();
///     let status = if is_handshake(&parts) { 101 } else { 400 };
///     ready(Ok::<_, Infallible>(Response::builder().status(status).body(String::new()).unwrap()))
/// });
/// let handshake = Handshake::new("/ws?room=1").header("host", "chat.example.com");
/// assert_eq!(handshake.connect(service).await.unwrap().response().status(), 101);
/// # }
/// ```
#[must_use = "a handshake does nothing before it is connected"]
pub struct Handshake {
    request: Builder,
    extensions: Extensions,
    pipe: usize,
}

/// The headers that a handshake has, unless the test gives others of these names (RFC 6455, section 4.1).
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::HOST, HeaderValue::from_static("localhost")),
    (header::CONNECTION, HeaderValue::from_static("Upgrade")),
    (header::UPGRADE, HeaderValue::from_static("websocket")),
    (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    (header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==")),
];

impl Handshake {
    /// Creates a handshake for a path, which may have a query: `/ws?token=secret`.
    pub fn new(path: impl AsRef<str>) -> Self {
        Self { request: Request::get(path.as_ref()), extensions: Extensions::new(), pipe: 64 * 1024 }
    }

    /// Adds a header. `host`, `connection`, `upgrade`, `sec-websocket-version` and `sec-websocket-key` replace the
    /// header that every handshake has. An invalid header is reported by [`connect`](Self::connect).
    pub fn header<K, V>(mut self, name: K, value: V) -> Self
    where
        K: TryInto<HeaderName>,
        K::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        self.request = self.request.header(name, value);
        self
    }

    /// Puts a value into the extensions of the request that the service gets: what a layer or a server outside of it
    /// would have found out, such as axum's `ConnectInfo`, or a [`Subject`](crate::identity::Subject).
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// use http::{Request, Response};
    /// use portcullis_core::{identity::Subject, testing::Handshake};
    /// use tower::service_fn;
    ///
    /// async fn handler<B>(request: Request<B>) -> Result<Response<String>, Infallible> {
    ///     let known = request.extensions().get::<Subject>().is_some();
    ///     Ok(Response::builder().status(if known { 101 } else { 401 }).body(String::new()).unwrap())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let alice = Handshake::new("/ws").extension(Subject::new("alice"));
    /// assert!(alice.connect(service_fn(handler)).await.is_ok());
    /// let anonymous = Handshake::new("/ws").connect(service_fn(handler)).await.unwrap_err();
    /// assert_eq!(anonymous.status().unwrap(), 401);
    /// # }
    /// ```
    pub fn extension(mut self, value: impl Clone + Send + Sync + 'static) -> Self {
        self.extensions.insert(value);
        self
    }

    /// Sets where the connection comes from, for a `ClientIpLayer`. If a handler extracts axum's
    /// `ConnectInfo<SocketAddr>`, pass that as an [`extension`](Self::extension).
    pub fn peer_addr(self, peer: SocketAddr) -> Self {
        self.extension(peer)
    }

    /// Sets the capacity of the pipe in bytes, in each direction, 64 KiB by default. Beyond it, sending waits until the
    /// other side reads.
    ///
    /// A small one stands for a client that reads slowly:
    ///
    /// ```
    /// # use std::{convert::Infallible, time::Duration};
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use portcullis_core::testing::Handshake;
    /// # use tokio::{io::AsyncWriteExt, time::timeout};
    /// # use tower::service_fn;
    /// /// Upgrades, and says whether it could send a kilobyte within a second.
    /// async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    ///     let upgrade = hyper::upgrade::on(&mut request);
    ///     tokio::spawn(async move {
    ///         let mut socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
    ///         let sent = timeout(Duration::from_secs(1), socket.write_all(&[0; 1024])).await;
    ///         assert!(sent.is_err(), "the client has not read");
    ///     });
    ///     let response = Response::builder().status(101).header("connection", "upgrade");
    ///     Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let client = Handshake::new("/ws").pipe(256).connect(service_fn(handler)).await.unwrap();
    /// tokio::time::sleep(Duration::from_secs(2)).await;
    /// # drop(client);
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    pub fn pipe(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a pipe needs room for a byte");
        self.pipe = bytes;
        self
    }

    /// Sends the handshake to a service, which hyper serves over a pipe in memory in a task of its own: an axum
    /// `Router`, or what hyper-util's `TowerToHyperService` takes. Returns the client if the answer is a 101.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Refused`] with any other answer, [`ConnectError::Unanswered`] with the service's error, or its
    /// panic, and [`ConnectError::Invalid`] if a header or the path is not valid.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect<S, B>(self, service: S) -> Result<Client, ConnectError>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = self.request.body(Empty::<Bytes>::new()).map_err(ConnectError::Invalid)?;
        for (name, value) in HEADERS {
            request.headers_mut().entry(name).or_insert(value);
        }
        let (ours, theirs) = duplex(self.pipe);
        let beside = Arc::default();
        let server = serve(theirs, service, self.extensions, Arc::clone(&beside));
        match exchange(ours, request).await {
            Ok(Answer::Opened(client)) => Ok(client),
            Ok(Answer::Refused(mut response)) => {
                response.extensions_mut().extend(std::mem::take(&mut lock(&beside).extensions));
                Err(ConnectError::Refused(Box::new(response)))
            }
            // The client's end of the pipe is dropped by now, so the server ends.
            Err(error) => {
                let panic = server.await.err().map(Into::into);
                let failure = lock(&beside).failure.take();
                Err(ConnectError::Unanswered(failure.or(panic).unwrap_or(error)))
            }
        }
    }
}

enum Answer {
    Opened(Client),
    Refused(Response<Bytes>),
}

/// What a service says that does not travel through HTTP.
#[derive(Default)]
struct Beside {
    /// The refusal, if there is one.
    extensions: Extensions,
    failure: Option<BoxError>,
}

/// Serves one connection.
fn serve<S, B>(
    io: DuplexStream,
    service: S,
    extensions: Extensions,
    beside: Arc<Mutex<Beside>>,
) -> JoinHandle<hyper::Result<()>>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().extend(extensions.clone());
        let (called, beside) = (call(service.clone(), request), beside.clone());
        async move {
            let response = called.await.map_err(|error| {
                lock(&beside).failure = Some(error.into());
                io::Error::other("the service failed")
            })?;
            if let Some(refusal) = response.extensions().get::<Refusal>() {
                lock(&beside).extensions.insert(refusal.clone());
            }
            io::Result::Ok(response)
        }
    });
    let connection = server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), answer);
    tokio::spawn(connection.with_upgrades())
}

async fn call<S: Service<R>, R>(mut service: S, request: R) -> Result<S::Response, S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

/// Sends a request, and reads the answer to it.
async fn exchange(io: DuplexStream, request: Request<Empty<Bytes>>) -> Result<Answer, BoxError> {
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(io)).await?;
    let driver = tokio::spawn(connection.with_upgrades());
    let answer = answer(&mut sender, request).await;
    if answer.is_err() {
        drop(sender);
        let _how_it_ended = driver.await;
    }
    answer
}

async fn answer(
    sender: &mut client::conn::http1::SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<Answer, BoxError> {
    let mut response = sender.send_request(request).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (parts, body) = response.into_parts();
        return Ok(Answer::Refused(Response::from_parts(parts, body.collect().await?.to_bytes())));
    }
    let upgraded = hyper::upgrade::on(&mut response).await?;
    let (parts, _) = response.into_parts();
    let Ok(pipe) = upgraded.downcast::<TokioIo<DuplexStream>>() else {
        return Err(io::Error::other("hyper has upgraded another connection").into());
    };
    let client = Client::opened(pipe.io.into_inner(), pipe.read_buf.into(), Response::from_parts(parts, ()));
    Ok(Answer::Opened(client))
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("path", &self.request.uri_ref()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use tower::service_fn;

    use super::*;

    type Answered<E> = Result<Response<String>, E>;

    #[tokio::test]
    async fn a_service_that_fails_or_panics_does_not_answer() {
        let failing = service_fn(|_: Request<Incoming>| ready(Answered::Err(io::Error::other("as asked"))));
        let error = Handshake::new("/").connect(failing).await.unwrap_err();
        assert_eq!(error.to_string(), "handshake not answered: as asked");
        let panicking = service_fn(async |_: Request<Incoming>| -> Answered<Infallible> {
            std::panic::resume_unwind(Box::new("a bug"))
        });
        let error = Handshake::new("/").connect(panicking).await.unwrap_err();
        assert!(error.to_string().contains("a bug"), "{error}");
        assert_eq!((error.status(), error.text()), (None, "".into()));
    }

    #[tokio::test]
    async fn what_is_not_valid_is_an_error_and_no_service_is_called() {
        let never = service_fn(async |_: Request<Incoming>| -> Answered<Infallible> { panic!("it was sent") });
        for handshake in [Handshake::new("no path"), Handshake::new("/").header("a", "line\nbreak")] {
            let error = handshake.connect(never).await.unwrap_err();
            assert!(matches!(error, ConnectError::Invalid(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn headers_are_added_and_those_of_every_handshake_replaced() {
        let shows = service_fn(|request: Request<Incoming>| {
            let version: Vec<_> = request.headers().get_all(header::SEC_WEBSOCKET_VERSION).iter().cloned().collect();
            let host = request.headers()[header::HOST].clone();
            ready(Answered::<Infallible>::Ok(Response::new(format!(
                "{host:?} {version:?} {:?}",
                request.extensions().get::<u8>()
            ))))
        });
        for (handshake, seen) in [
            (Handshake::new("/"), r#""localhost" ["13"] None"#),
            (Handshake::new("/").header("sec-websocket-version", "8").extension(7_u8), r#""localhost" ["8"] Some(7)"#),
        ] {
            let refused = handshake.connect(shows).await.unwrap_err();
            assert_eq!((refused.status(), refused.text()), (Some(StatusCode::OK), seen.into()));
        }
    }
}
