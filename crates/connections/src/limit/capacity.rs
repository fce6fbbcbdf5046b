//! How many connections a key may have, and what happens when there are more.

/// The maximum number of connections of one key.
///
/// ```
/// use portcullis_connections::{ConnectionLimitLayer, Limit};
///
/// // A number converts into a limit that refuses.
/// assert_eq!(Limit::from(5), Limit::new(5));
/// assert_ne!(Limit::from(5), Limit::new(5).evict_oldest());
/// let layer = ConnectionLimitLayer::new().per_client_ip(100).per_subject(Limit::new(5).evict_oldest());
/// # let _ = layer;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub(crate) max: usize,
    pub(crate) evict: bool,
    /// Connections that gave up their permits count as long as their handlers run.
    pub(crate) work: bool,
    /// No limit of the layer evicts: connections are only counted, and none is ever looked up.
    pub(crate) refuses: bool,
}

impl Limit {
    /// Allows `max` connections of a key and refuses more. With zero, none is allowed.
    ///
    /// ```
    /// # use axum::{Router, routing::any};
    /// # use portcullis_core::{identity::ClientIp, testing::Handshake};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_connections::{ConnectionLimitLayer, Limit};
    ///
    /// let limit = ConnectionLimitLayer::new().per_client_ip(Limit::new(0));
    /// let app = Router::new().route("/ws", any(async || "served")).layer(limit);
    /// let handshake = Handshake::new("/ws").extension(ClientIp([192, 0, 2, 1].into()));
    /// assert_eq!(handshake.connect(app).await.unwrap_err().refusal().unwrap().kind(), "too_many_connections");
    /// # }
    /// ```
    pub const fn new(max: usize) -> Self {
        Self { max, evict: false, work: false, refuses: false }
    }

    /// Beyond the limit, closes the oldest connection as soon as the new handshake is accepted, instead of refusing it.
    ///
    /// This limits connections, but not handlers that continue after their connection was closed:
    /// [`until_handler_returns`](crate::ConnectionLimitLayer::until_handler_returns) limits both.
    ///
    /// Replaced connections count towards the limit of the whole server until they have ended. They end soon, except
    /// HTTP/2 streams whose clients do not read. New handshakes are refused while 32 of these, or as many as the limit
    /// if that is more, are left.
    pub const fn evict_oldest(self) -> Self {
        Self { evict: true, ..self }
    }
}

impl Limit {
    /// A limit of this number; more connections are refused.
    pub(crate) const fn refusing(self) -> Self {
        Self { evict: false, ..self }
    }
}

impl From<usize> for Limit {
    fn from(max: usize) -> Self {
        Self::new(max)
    }
}
