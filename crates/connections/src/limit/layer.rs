//! The builder of a limit on live connections, and the pool that all of its services share.

use std::{fmt, sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::{Connection, shared::SharePermits};
use tower_layer::Layer;

use super::{capacity::Limit, permits::Pool, service::ConnectionLimitService, settings::Settings};

/// Limits live connections. The crate's page has the rules. Plain requests, which are not handshakes, pass, and take no
/// permit.
///
/// Clones, and what [`layer`](Layer::layer) makes of them, count together.
#[derive(Clone)]
#[must_use]
pub struct ConnectionLimitLayer {
    settings: Arc<Settings>,
    pool: Arc<Pool<Connection>>,
}

impl ConnectionLimitLayer {
    /// No limit yet.
    pub fn new() -> Self {
        Self { pool: Arc::new(Pool::new(None)), settings: Arc::default() }
    }

    /// How many there may be in all. More are refused with 503. Zero means that nobody is admitted.
    pub fn global(self, max: usize) -> Self {
        self.set(|settings| settings.global = Some(max))
    }

    /// How many of one client address, which a layer outside must have found.
    pub fn per_client_ip(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.client = Some(limit))
    }

    /// How many leading bits of an IPv6 address name a client. 64 by default.
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// How many of one subject.
    ///
    /// Clients without a subject share as many with others at their address, which a layer outside must have found.
    /// They are refused where it is full, and never evicted. [`require_subject`](Self::require_subject) refuses them
    /// all.
    ///
    /// Of a subject that is known only after the first message, the permit is taken then; if there is none, the
    /// connection is closed with 1008. Until then it counts in [`unauthenticated`](Self::unauthenticated) alone.
    pub fn per_subject(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.subject = Some(limit))
    }

    /// Refuses clients without a subject with 403. Of those that say who they are with their first message, a
    /// connection whose message names no subject is closed with 3003.
    ///
    /// ```
    /// use portcullis_connections::ConnectionLimitLayer;
    ///
    /// // Up to five connections of one user, and none of anybody else.
    /// let layer = ConnectionLimitLayer::new().per_subject(5).require_subject();
    /// # let _ = layer;
    /// ```
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// How many of one key, which a closure reads from the request. Without a key this limit does not count.
    ///
    /// The key is bytes, such as a string's: all nodes that [share](Self::shared) the limit must know it by the same.
    pub fn per_key<K: AsRef<[u8]>>(
        self,
        limit: impl Into<Limit>,
        key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let limit = limit.into();
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.set(|settings| settings.key = Some((Arc::new(key), limit)))
    }

    /// How many of those of whom it is not known yet who they are, or never will be. No limit by default; zero admits
    /// nobody without a subject.
    pub fn unauthenticated(self, max: usize) -> Self {
        self.set(|settings| settings.unauthenticated = Some(max))
    }

    /// Holds a permit until the handler has returned, too, and not only until the connection has ended.
    ///
    /// Use this where a handler's work is what is scarce: queries, processes, calls of a model. By default a client
    /// that closes frees its permit while its handler works on, and with [`Limit::evict_oldest`] a client that opens
    /// one connection after another has as many handlers at work as it likes. With this, the handlers of replaced
    /// connections count: newcomers are refused while as many of these as the limit, or eight if that is more, are
    /// still at work. So a key has no more handlers than its limit and as many again, eight at least.
    ///
    /// A handler has returned when it has dropped its socket and, if it runs under
    /// [`supervise`](portcullis_core::Connection::supervise), when its future is done. Let it end soon once its socket
    /// is closed: one that never does keeps its permit for good.
    pub fn until_handler_returns(self) -> Self {
        self.set(|settings| settings.until_handler_returns = true)
    }

    /// What refused clients are told to wait. 5 s by default.
    pub fn retry_after(self, wait: Duration) -> Self {
        self.set(|settings| settings.retry_after = wait)
    }

    /// Is told how many live, and how many may, when nine tenths of the global limit are reached: once, until there
    /// were less than eight tenths. Must not block.
    pub fn on_high_water(self, announce: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_high_water = Some(Arc::new(announce)))
    }

    /// Counts the connections of all nodes that share limits, by a store such as `portcullis_redis::Cluster`.
    ///
    /// What this node counts itself stands all the same, and decides first. While the store cannot be asked, the layer
    /// does what the store was told: it refuses newcomers (503), or this node has a share of each limit, or all of it.
    /// Layers that share a store count together what they have in common: give each a scope of the store where their
    /// limits differ.
    ///
    /// A connection of another node makes room as one of this node does. With
    /// [`until_handler_returns`](Self::until_handler_returns), handlers of replaced connections are counted on their
    /// own node.
    pub fn shared(self, store: &(impl SharePermits + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.shared = Some(store))
    }

    /// Refuses and evicts nobody.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// How many connections hold a permit of this layer.
    pub fn live(&self) -> usize {
        self.pool.total()
    }

    /// What is counted begins anew: layers are configured before they are used.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.pool = Arc::new(Pool::new(self.settings.global));
        self
    }
}

impl Default for ConnectionLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ConnectionLimitLayer {
    type Service = ConnectionLimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionLimitService::new(inner, self.settings.clone(), self.pool.clone())
    }
}

impl fmt::Debug for ConnectionLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimitLayer")
            .field("live", &self.live())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
