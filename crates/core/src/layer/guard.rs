//! The layer that sets the settings of a connection.
//!
//! All layers that guard share one connection, and the connection has one set of settings. This layer is where an
//! application states them; other layers that guard leave them as they are.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    settings::{Closing, Framing, Settings},
    upgrade::{self, ResponseFuture},
};

/// Guards connections without a policy: enforces framing rules, and makes sure that closes are sent.
///
/// Other layers guard a connection themselves if this layer is not used. Use it to change the
/// [settings](crate::settings::Settings), at any place among them. Of several, the outermost applies.
///
/// # Defaults
///
/// | Setting | Default |
/// | --- | --- |
/// | frames that break a framing rule | close with 1002 |
/// | a connection that closes is taken from its handler | after 50 ms without output, or after 1 s |
/// | closing handshakes | at most 5 s and 8 MiB each, 10,000 at a time |
/// | upgrades to other protocols than WebSocket | prevented |
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct GuardLayer {
    settings: Arc<Settings>,
}

impl GuardLayer {
    /// Creates a layer with the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts frames that break the framing rules of RFC 6455, and passes them on.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use portcullis_core::{GuardLayer, testing::Handshake};
    /// # use tower::{Layer, service_fn};
    /// // Upgrades, reads four bytes, and drops its socket.
    /// async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    ///     # let upgrade = hyper::upgrade::on(&mut request);
    ///     # tokio::spawn(async move {
    ///     #     let mut socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
    ///     #     tokio::io::AsyncReadExt::read_exact(&mut socket, &mut [0; 4]).await
    ///     # });
    ///     let response = Response::builder().status(101).header("connection", "upgrade");
    ///     Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// }
    ///
    /// for (layer, code) in [(GuardLayer::new(), Some(1002)), (GuardLayer::new().framing_report_only(), None)] {
    ///     let mut client = Handshake::new("/ws").connect(layer.layer(service_fn(handler))).await.unwrap();
    ///     client.send_bytes(b"\x81\x02hi").await.unwrap(); // not masked (RFC 6455, section 5.1)
    ///     assert_eq!(client.closed().await.unwrap().code().map(|code| code.as_u16()), code);
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn framing_report_only(self) -> Self {
        self.set(|settings| settings.framing = Framing::ReportOnly)
    }

    /// Sets how long a handler must have sent nothing before a connection that closes is taken from it.
    pub fn quiet(self, time: Duration) -> Self {
        self.set(|settings| settings.quiet = time)
    }

    /// Sets how long a handler may go on sending once a close was decided.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::{convert::Infallible, time::Duration};
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use portcullis_core::{CloseCode, CloseFrame, Connection, GuardLayer, testing::Handshake};
    /// # use tower::{Layer, service_fn};
    /// /// Upgrades, keeps its socket, and asks for its own close.
    /// async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    ///     let connection = request.extensions().get::<Connection>().unwrap().clone();
    ///     # let upgrade = hyper::upgrade::on(&mut request);
    ///     # tokio::spawn(async move {
    ///     #     let _socket = upgrade.await.unwrap();
    ///     connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
    ///     #     tokio::time::sleep(Duration::from_secs(60)).await;
    ///     # });
    ///     # let response = Response::builder().status(101).header("connection", "upgrade");
    ///     # Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// }
    ///
    /// // An idle handler is waited for until it was quiet, or until the grace is over, whichever is first.
    /// let second = Duration::from_secs(1);
    /// for (quiet, grace, closed_after) in [(2 * second, 9 * second, 2), (9 * second, 4 * second, 3)] {
    ///     let layer = GuardLayer::new().quiet(quiet).grace(grace);
    ///     let mut client = Handshake::new("/ws").connect(layer.layer(service_fn(handler))).await.unwrap();
    ///     let opened = tokio::time::Instant::now();
    ///     assert_eq!(client.closed().await.unwrap().to_string(), "1001");
    ///     assert_eq!(opened.elapsed().as_secs(), closed_after);
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    ///
    /// In the last quarter of the grace the handler must not begin another frame, so one that is between two frames is
    /// taken from there on.
    pub fn grace(self, time: Duration) -> Self {
        self.set(|settings| settings.grace = time)
    }

    /// Sets the limits of the closing handshake.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::time::Duration;
    /// # use portcullis_core::{CloseCode, CloseFrame, GuardedIo, settings::{Closing, Settings}, testing::Client};
    /// # use tokio::io::duplex;
    /// // The same settings without a layer.
    /// let settings = Settings::new().closing(Closing::new().timeout(Duration::from_secs(2)));
    /// let (ours, theirs) = duplex(1024);
    /// let (_handler, connection) = GuardedIo::new(theirs, &settings, Vec::new());
    /// let mut client = Client::new(ours);
    /// connection.close(CloseFrame::new(CloseCode::GOING_AWAY, ""));
    /// client.closed().await; // and no answer to it
    /// let waiting = tokio::time::Instant::now();
    /// connection.closed().await;
    /// assert_eq!(waiting.elapsed().as_secs(), 2);
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn closing(self, closing: Closing) -> Self {
        self.set(|settings| settings.closing = closing)
    }

    /// Allows requests that are not WebSocket handshakes to be upgraded to other protocols, unguarded.
    ///
    /// By default, a request that any library could upgrade unguarded loses its `OnUpgrade`:
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use hyper::{body::Incoming, upgrade::OnUpgrade};
    /// # use portcullis_core::{GuardLayer, testing::Handshake};
    /// # use tower::{Layer, service_fn};
    /// /// Says whether it could upgrade the request.
    /// async fn handler(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    ///     let possible = request.extensions().get::<OnUpgrade>().is_some();
    ///     Ok(Response::builder().status(if possible { 409 } else { 404 }).body(String::new()).unwrap())
    /// }
    ///
    /// for (layer, status) in [(GuardLayer::new(), 404), (GuardLayer::new().allow_other_upgrades(), 409)] {
    ///     // A request that is not a handshake, with the connection that it came over.
    ///     let plain = service_fn(move |mut request: Request<Incoming>| {
    ///         for name in ["upgrade", "sec-websocket-key", "sec-websocket-version"] {
    ///             request.headers_mut().remove(name);
    ///         }
    ///         tower::ServiceExt::oneshot(layer.layer(service_fn(handler)), request)
    ///     });
    ///     assert_eq!(Handshake::new("/").connect(plain).await.unwrap_err().status().unwrap(), status);
    /// }
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn allow_other_upgrades(self) -> Self {
        self.set(|settings| settings.other_upgrades = true)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardService { inner, settings: self.settings.clone() }
    }
}

/// The service of [`GuardLayer`].
#[derive(Debug, Clone)]
pub struct GuardService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for GuardService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::enforce_as(&mut self.inner, request, Some(&self.settings), |_, _| None)
    }
}
