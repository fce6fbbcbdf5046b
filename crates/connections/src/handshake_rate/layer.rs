//! The builder of a limit on the rate of handshakes.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Instant};

use http::request::Parts;
use portcullis_core::{refusal::Refusal, shared::ShareRates};
use portcullis_quota::Quota;
use tower_layer::Layer;

use super::{
    admit::admit,
    rate::Rate,
    service::HandshakeRateService,
    settings::{Scope, Settings},
};

/// Limits the rate of handshakes: of the whole server, or of each client address, subject or key.
///
/// Every handshake counts, also one that is refused further inside, so put this layer outside of expensive checks.
/// Handshakes beyond the limit are refused with `Retry-After` and 429, or 503 if the limit is that of the whole server.
///
/// Plain requests, which are not handshakes, do not count. But each plain request with invalid credentials, such as a
/// token with a wrong signature, costs a verification. As many of them are admitted as handshakes, counted separately.
/// A key that has failed that often is refused with 429, whatever it sends, until another failure is allowed. If the
/// limit is that of the whole server, failures count by client address, if a layer outside has determined it. A layer
/// inside, such as a `JwtLayer`, reports invalid credentials with [`Refusal::failed_authentication`]. A request whose
/// client disconnects before the response does not count.
///
/// # Defaults
///
/// The limit applies to the whole server. Up to a million keys are kept, of about 100 bytes each. When there is no room
/// for a client address, it shares the quota of its /48 (IPv4: /24), then that of its /32 (/16); other keys share by a
/// few bits of their hash.
///
/// ```
/// use std::time::Instant;
/// use http::Request;
/// use portcullis_connections::HandshakeRateLayer;
/// use portcullis_core::identity::ClientIp;
///
/// let layer = HandshakeRateLayer::per_second(1).burst(2).per_client_ip();
/// let now = Instant::now();
/// let admit = |client: [u8; 4]| {
///     let handshake = Request::get("/ws").header("upgrade", "websocket").extension(ClientIp(client.into()));
///     layer.admit(&handshake.body(()).unwrap().into_parts().0, now)
/// };
/// assert!(admit([192, 0, 2, 1]).is_ok());
/// assert!(admit([192, 0, 2, 1]).is_ok());
/// assert_eq!(admit([192, 0, 2, 1]).unwrap_err().status(), 429);
/// assert!(admit([192, 0, 2, 2]).is_ok(), "another client");
/// ```
#[derive(Clone)]
#[must_use]
pub struct HandshakeRateLayer {
    quota: Quota,
    settings: Settings,
    rate: Arc<Rate>,
}

impl HandshakeRateLayer {
    /// Allows `handshakes` per second on average, in bursts of the same size.
    ///
    /// # Panics
    ///
    /// If `handshakes` is zero. To refuse all handshakes, use
    /// [`ConnectionLimitLayer::global`](crate::ConnectionLimitLayer::global).
    #[track_caller]
    pub fn per_second(handshakes: u32) -> Self {
        Self::new(Quota::per_second(count(handshakes)))
    }

    /// Creates a layer with a quota of handshakes.
    ///
    /// ```
    /// use std::{num::NonZeroU32, time::{Duration, Instant}};
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    /// use portcullis_quota::Quota;
    ///
    /// // Six a minute, two at once.
    /// let [six, two] = [6, 2].map(|handshakes| NonZeroU32::new(handshakes).unwrap());
    /// let layer = HandshakeRateLayer::new(Quota::per_minute(six).allow_burst(two));
    /// let (parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap().into_parts();
    /// let now = Instant::now();
    /// assert!(layer.admit(&parts, now).is_ok() && layer.admit(&parts, now).is_ok());
    /// assert_eq!(layer.admit(&parts, now).unwrap_err().retry_after(), Some(Duration::from_secs(10)));
    /// ```
    pub fn new(quota: impl Into<Quota>) -> Self {
        let quota = quota.into();
        Self { quota, settings: Settings::default(), rate: Arc::new(Rate::new(quota)) }
    }

    /// Sets the size of a burst.
    ///
    /// The rate stays as it is: a burst of 20 at 5 per second is there again after 4 s.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    ///
    /// let layer = HandshakeRateLayer::per_second(5).burst(20);
    /// let (parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap().into_parts();
    /// let now = Instant::now();
    /// assert!((0..20).all(|_| layer.admit(&parts, now).is_ok()));
    /// let refusal = layer.admit(&parts, now).unwrap_err();
    /// assert_eq!(refusal.status(), 503, "the limit is that of the whole server");
    /// assert_eq!(refusal.retry_after(), Some(Duration::from_millis(200)));
    /// assert!(layer.admit(&parts, now + Duration::from_millis(200)).is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If `handshakes` is zero.
    #[track_caller]
    pub fn burst(self, handshakes: u32) -> Self {
        let quota = self.quota.allow_burst(count(handshakes));
        Self { quota, rate: Arc::new(Rate::new(quota)), ..self }
    }

    /// Gives each client address a quota of its own. A layer outside, such as `ClientIpLayer`, must have determined it.
    ///
    /// ```
    /// use std::time::Instant;
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    /// use portcullis_core::identity::ClientIp;
    ///
    /// let layer = HandshakeRateLayer::per_second(5).per_client_ip();
    /// let (mut parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap().into_parts();
    /// assert_eq!(layer.admit(&parts, Instant::now()).unwrap_err().status(), 500, "no `ClientIpLayer` outside");
    /// parts.extensions.insert(ClientIp([192, 0, 2, 1].into()));
    /// assert!(layer.admit(&parts, Instant::now()).is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_client_ip(self) -> Self {
        self.count_by(Scope::Client)
    }

    /// Sets how many leading bits of an IPv6 address identify a client, 64 by default.
    ///
    /// ```
    /// use std::time::Instant;
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    /// use portcullis_core::identity::ClientIp;
    ///
    /// let admitted = |layer: &HandshakeRateLayer, client: &str| {
    ///     let client = ClientIp(client.parse().unwrap());
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").extension(client);
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0, Instant::now()).is_ok()
    /// };
    /// let layer = HandshakeRateLayer::per_second(1).per_client_ip();
    /// assert!(admitted(&layer, "2001:db8::1"));
    /// assert!(!admitted(&layer, "2001:db8::ffff"), "the same /64");
    /// assert!(admitted(&layer, "2001:db8:0:1::1"));
    /// let layer = HandshakeRateLayer::per_second(1).per_client_ip().ipv6_prefix(48);
    /// assert!(admitted(&layer, "2001:db8::1"));
    /// assert!(!admitted(&layer, "2001:db8:0:1::1"), "the same /48");
    /// ```
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// Gives each subject a quota of its own. Clients without a subject share one for each client address, which a
    /// layer outside must have determined.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_subject(self) -> Self {
        self.count_by(Scope::Subject)
    }

    /// Gives each subject a quota of its own, and refuses clients without a subject with 403. Clients that authenticate
    /// with their first message count by address. Takes precedence over every other scope, regardless of the order of
    /// the calls.
    ///
    /// ```
    /// use std::time::Instant;
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    /// use portcullis_core::identity::{ClientIp, Subject};
    ///
    /// let admit = |layer: &HandshakeRateLayer, subject: Option<&str>| {
    ///     let (mut parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(()).unwrap().into_parts();
    ///     parts.extensions.insert(ClientIp([192, 0, 2, 1].into()));
    ///     if let Some(name) = subject {
    ///         parts.extensions.insert(Subject::new(name)); // as a `JwtLayer` outside does
    ///     }
    ///     layer.admit(&parts, Instant::now()).map_err(|refusal| refusal.status().as_u16())
    /// };
    /// let layer = HandshakeRateLayer::per_second(1).per_subject();
    /// assert_eq!(admit(&layer, Some("alice")), Ok(()));
    /// assert_eq!(admit(&layer, Some("alice")), Err(429));
    /// assert_eq!(admit(&layer, Some("bob")), Ok(()));
    /// assert_eq!(admit(&layer, None), Ok(()), "anonymous clients share one quota for each address");
    /// assert_eq!(admit(&layer, None), Err(429));
    /// assert_eq!(admit(&layer.require_subject(), None), Err(403));
    /// ```
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// Gives each key a quota of its own. A handshake without a key does not count. `key` is also called for plain
    /// requests.
    ///
    /// ```
    /// use std::time::Instant;
    /// use http::{Request, request::Parts};
    /// use portcullis_connections::HandshakeRateLayer;
    ///
    /// // By tenant. The host is the client's choice, so only tenants that exist get a quota of their own.
    /// let tenant = |parts: &Parts| {
    ///     let host = parts.headers.get("host")?.to_str().ok()?;
    ///     Some(if host == "a.example.com" { "a" } else { "others" })
    /// };
    /// let layer = HandshakeRateLayer::per_second(1).per_key(tenant);
    /// let admitted = |host: &str| {
    ///     let handshake = Request::get("/ws").header("upgrade", "websocket").header("host", host);
    ///     layer.admit(&handshake.body(()).unwrap().into_parts().0, Instant::now()).is_ok()
    /// };
    /// assert!(admitted("a.example.com"));
    /// assert!(!admitted("a.example.com"));
    /// assert!(admitted("random-1.example.com"));
    /// assert!(!admitted("random-2.example.com"), "a new name is not a new quota");
    /// ```
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_key<K: AsRef<[u8]>>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.count_by(Scope::Custom(Arc::new(key)))
    }

    /// Counts the handshakes of all nodes together, in a store such as `portcullis_redis::Cluster`.
    ///
    /// This node still counts its own handshakes and decides first, so that the store sees no more of them than the
    /// quota allows. While the store is unreachable, its setting `when_away` decides: new handshakes are refused (503),
    /// or this node uses its share of the quota, or the whole quota. Plain requests that fail to authenticate are
    /// counted by each node alone.
    ///
    /// ```
    /// # use portcullis_core::shared::ShareRates;
    /// use portcullis_connections::HandshakeRateLayer;
    ///
    /// # fn example(cluster: &(impl ShareRates + Clone)) {
    /// // Five handshakes a second for each client, however many nodes it reaches.
    /// let layer = HandshakeRateLayer::per_second(5).per_client_ip().shared(cluster);
    /// # let _ = layer;
    /// # }
    /// ```
    pub fn shared(self, store: &(impl ShareRates + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.shared = Some(store))
    }

    /// Refuses nothing, but counts and logs what would be refused (features `metrics` and `tracing`).
    ///
    /// ```
    /// use http::{Request, Response};
    /// use portcullis_connections::HandshakeRateLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let inner = service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(())));
    /// let second = async |layer: HandshakeRateLayer| {
    ///     let service = layer.layer(inner);
    ///     let handshake = || Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
    ///     service.clone().oneshot(handshake()).await.unwrap();
    ///     service.oneshot(handshake()).await.unwrap().status()
    /// };
    /// assert_eq!(second(HandshakeRateLayer::per_second(1)).await, 503);
    /// assert_eq!(second(HandshakeRateLayer::per_second(1).report_only()).await, 200);
    /// # }
    /// ```
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// Decides about a handshake by this node's own counts, as a plain function of the time.
    ///
    /// # Errors
    ///
    /// Returns the refusal that the layer would answer with.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use http::Request;
    /// use portcullis_connections::HandshakeRateLayer;
    ///
    /// let layer = HandshakeRateLayer::per_second(1);
    /// let (parts, ()) = Request::get("/ws").header("upgrade", "websocket").body(())?.into_parts();
    /// let now = Instant::now();
    /// assert!(layer.admit(&parts, now).is_ok());
    /// let refusal = layer.admit(&parts, now + Duration::from_millis(300)).unwrap_err();
    /// assert_eq!(refusal.kind(), "server_handshake_rate");
    /// assert_eq!(refusal.retry_after(), Some(Duration::from_millis(700)));
    /// assert_eq!(refusal.close_frame().unwrap().to_string(), "1013 too many handshakes");
    /// assert!(layer.admit(&parts, now + Duration::from_secs(1)).is_ok());
    /// # Ok::<_, http::Error>(())
    /// ```
    pub fn admit(&self, parts: &Parts, now: Instant) -> Result<(), Refusal> {
        admit(&self.settings, &self.rate, parts, now)
    }

    #[track_caller]
    fn count_by(mut self, scope: Scope) -> Self {
        self.settings.count_by(scope);
        self
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}

#[track_caller]
fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

impl fmt::Debug for HandshakeRateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRateLayer")
            .field("quota", &self.quota)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for HandshakeRateLayer {
    type Service = HandshakeRateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HandshakeRateService::new(inner, self.settings.clone(), self.quota, self.rate.clone())
    }
}
