//! The layer that sets the settings of a connection.

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
        upgrade::call_with(&mut self.inner, request, &self.settings, |_, _| Ok(None))
    }
}
