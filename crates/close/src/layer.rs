//! The builder: which clients get close codes, and which codes.

use std::sync::Arc;

use http::StatusCode;
use portcullis_core::{CloseCode, refusal::Kind};
use tower_layer::Layer;

use crate::{
    service::CloseService,
    settings::{Recipients, Settings},
    table::Preset,
};

/// Answers refused handshakes in a form that the client can read: a close code or an HTTP status.
///
/// Put it outermost. The [crate's page](crate) lists the rules and the default codes.
///
/// ```
/// # use std::convert::Infallible;
/// use http::{Request, Response};
/// use portcullis_close::CloseLayer;
/// use portcullis_core::testing::Handshake;
/// use tower::{Layer, service_fn};
///
/// async fn full<B>(_: Request<B>) -> Result<Response<String>, Infallible> {
///     Ok(Response::builder().status(503).header("retry-after", "5").body(String::new()).unwrap())
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = CloseLayer::new().layer(service_fn(full));
/// let browser = Handshake::new("/ws").header("origin", "https://app.example.com");
/// let mut accepted = browser.connect(service.clone()).await?;
/// assert_eq!(accepted.closed().await.unwrap().to_string(), "1013 service unavailable; retry after 5 s");
///
/// let refused = Handshake::new("/ws").connect(service).await.unwrap_err();
/// assert_eq!(refused.status().unwrap(), 503, "this client can read it");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct CloseLayer {
    settings: Arc<Settings>,
}

impl CloseLayer {
    /// Creates a layer that answers browsers, which cannot read the status of a handshake, with close codes, and other
    /// clients with the status.
    ///
    /// A client that sends `Origin` or `Sec-WebSocket-Protocol` counts as a browser.
    pub fn new() -> Self {
        Self::with(Recipients::Browsers)
    }

    /// Creates a layer that answers every client with close codes, including those that could read a status.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Handshake;
    /// # use tower::{Layer, service_fn};
    /// # async fn full<B>(_: Request<B>) -> Result<Response<String>, Infallible> {
    /// #     Ok(Response::builder().status(503).body(String::new()).unwrap())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis_close::CloseLayer;
    ///
    /// // `full` answers every handshake with 503, and neither client sends `Origin`.
    /// let mut accepted = Handshake::new("/ws").connect(CloseLayer::always().layer(service_fn(full))).await?;
    /// assert_eq!(accepted.closed().await.unwrap().code().unwrap(), 1013);
    /// let refused = Handshake::new("/ws").connect(CloseLayer::new().layer(service_fn(full))).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 503);
    /// # Ok(()) }
    /// ```
    pub fn always() -> Self {
        Self::with(Recipients::All)
    }

    /// Creates a layer that answers every client with the status. The headers that a refused handshake needs
    /// (`Connection: close`, `Sec-WebSocket-Version`) are still added.
    pub fn http_only() -> Self {
        Self::with(Recipients::None)
    }

    fn with(recipients: Recipients) -> Self {
        Self { settings: Arc::new(Settings::new(recipients)) }
    }

    /// Uses private codes, 4000 plus the HTTP status, instead of registered ones: 4401, 4403, 4429.
    ///
    /// ```
    /// # use std::{convert::Infallible, future::ready};
    /// # use http::Response;
    /// # use portcullis_core::testing::Handshake;
    /// # use tower::{Layer, service_fn};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_close::CloseLayer;
    ///
    /// for (status, code) in [(401, 4401), (404, 4404), (429, 4429), (503, 4503)] {
    ///     let response = move || Response::builder().status(status).body(String::new()).unwrap();
    ///     let inner = service_fn(move |_| ready(Ok::<_, Infallible>(response())));
    ///     let service = CloseLayer::always().private_codes().layer(inner);
    ///     let mut accepted = Handshake::new("/ws").connect(service).await.unwrap();
    ///     assert_eq!(accepted.closed().await.unwrap().code().unwrap(), code);
    /// }
    /// # }
    /// ```
    pub fn private_codes(self) -> Self {
        self.set(|settings| settings.table.preset = Preset::Private)
    }

    /// Sets the code for one kind of refusal. It takes precedence over [`status`](Self::status) and over the code that
    /// the refusing layer chose.
    ///
    /// ```
    /// # use std::{convert::Infallible, future::ready};
    /// # use http::{Request, StatusCode};
    /// # use portcullis_core::{CloseFrame, refusal::Refusal, testing::Handshake};
    /// # use tower::{Layer, service_fn};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis_close::CloseLayer;
    /// use portcullis_core::{CloseCode, refusal::Kind};
    ///
    /// // The code of a handshake that a layer inside refuses, as a `JwtLayer` does, with 3000 by its own choice.
    /// let code = async |layer: CloseLayer, kind: Kind| {
    ///     let refusal = Refusal::new(kind, StatusCode::UNAUTHORIZED);
    ///     let refusal = refusal.with_close_frame(CloseFrame::new(CloseCode::UNAUTHORIZED, "sign in"));
    ///     let inner = service_fn(move |_| ready(Ok::<_, Infallible>(refusal.clone().into_response::<String>())));
    ///     let mut accepted = Handshake::new("/ws").connect(layer.layer(inner)).await.unwrap();
    ///     accepted.closed().await.unwrap().code().unwrap().as_u16()
    /// };
    /// let layer = CloseLayer::always().kind(Kind::TOKEN_EXPIRED, CloseCode::new(4001)?);
    /// assert_eq!(code(layer.clone(), Kind::TOKEN_EXPIRED).await, 4001);
    /// assert_eq!(code(layer.clone(), Kind::TOKEN_REVOKED).await, 3000);
    ///
    /// // A status is less specific than a kind. The kinds of your own layers have names that you choose.
    /// let layer = layer.status(StatusCode::UNAUTHORIZED, CloseCode::new(4000)?);
    /// let layer = layer.kind(Kind::new("not_a_member"), CloseCode::FORBIDDEN);
    /// assert_eq!(code(layer.clone(), Kind::TOKEN_EXPIRED).await, 4001);
    /// assert_eq!(code(layer.clone(), Kind::TOKEN_REVOKED).await, 4000);
    /// assert_eq!(code(layer, Kind::new("not_a_member")).await, 3003);
    /// # Ok(()) }
    /// ```
    pub fn kind(self, kind: Kind, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.kinds.insert(kind, code);
        })
    }

    /// Sets the code for one HTTP status. It takes precedence over the code that the refusing layer chose.
    ///
    /// ```
    /// # use std::{convert::Infallible, future::ready};
    /// # use http::Response;
    /// # use portcullis_core::testing::Handshake;
    /// # use tower::{Layer, service_fn};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use http::StatusCode;
    /// use portcullis_close::CloseLayer;
    /// use portcullis_core::CloseCode;
    ///
    /// // A handler that answers 410 where a room is gone for good: its clients must not come back.
    /// let layer = CloseLayer::always().status(StatusCode::GONE, CloseCode::new(4410)?);
    /// for (status, code) in [(410, 4410), (404, 1008)] {
    ///     let inner = service_fn(move |_| {
    ///         ready(Ok::<_, Infallible>(Response::builder().status(status).body(String::new()).unwrap()))
    ///     });
    ///     let mut accepted = Handshake::new("/ws").connect(layer.layer(inner)).await?;
    ///     assert_eq!(accepted.closed().await.unwrap().code().unwrap(), code);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn status(self, status: StatusCode, code: CloseCode) -> Self {
        self.set(|settings| {
            settings.table.statuses.insert(status, code);
        })
    }

    /// Sets how many handshakes may be accepted at a time only to be closed. The default is 1,000.
    ///
    /// Each counts from its response to the end of its closing handshake. Beyond the limit clients get the status; with
    /// zero, all of them do.
    ///
    /// [`Closing::max_concurrent`](portcullis_core::settings::Closing::max_concurrent) limits the closing handshakes of
    /// the whole process, and should be larger than this.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use portcullis_core::testing::Handshake;
    /// # use tower::{Layer, service_fn};
    /// # async fn full<B>(_: Request<B>) -> Result<Response<String>, Infallible> {
    /// #     Ok(Response::builder().status(503).body(String::new()).unwrap())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis_close::CloseLayer;
    ///
    /// let service = CloseLayer::new().max_concurrent(1).layer(service_fn(full));
    /// let browser = || Handshake::new("/ws").header("origin", "https://app.example.com");
    /// let _not_closed_yet = browser().connect(service.clone()).await?;
    /// let refused = browser().connect(service).await.unwrap_err();
    /// assert_eq!(refused.status().unwrap(), 503, "a page sees 1006, as without this layer");
    /// # Ok(()) }
    /// ```
    pub fn max_concurrent(self, handshakes: usize) -> Self {
        self.set(|settings| settings.max_concurrent = handshakes)
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl Default for CloseLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CloseLayer {
    type Service = CloseService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CloseService::new(inner, self.settings.clone())
    }
}
