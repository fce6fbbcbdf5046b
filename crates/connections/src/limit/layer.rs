//! The layer and its settings.

use std::{fmt, sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};
use portcullis_core::{CloseCode, CloseFrame, Connection, identity::Subject, refusal::Refusal};
use tower_layer::Layer;

use super::{
    pool::{Crossed, Full, Key, Pool},
    service::ConnectionLimit,
};
use crate::client::client;

/// How many connections there may be of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub(crate) most: usize,
    pub(crate) evict: bool,
}

impl Limit {
    /// So many; more are refused.
    pub const fn new(most: usize) -> Self {
        Self { most, evict: false }
    }

    /// Beyond that, the oldest makes room as soon as the newcomer's handshake is accepted.
    pub const fn evict_oldest(self) -> Self {
        Self { evict: true, ..self }
    }
}

impl From<usize> for Limit {
    fn from(most: usize) -> Self {
        Self::new(most)
    }
}

type KeyOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;
type OnHighWater = dyn Fn(usize, usize) + Send + Sync;

/// Limits live connections. The crate's page has the rules.
///
/// Clones, and what [`layer`](Layer::layer) makes of them, count together.
#[derive(Clone)]
#[must_use]
pub struct ConnectionLimitLayer {
    settings: Arc<Settings>,
    pool: Arc<Pool<Connection>>,
}

#[derive(Clone)]
pub(crate) struct Settings {
    global: Option<usize>,
    client: Option<Limit>,
    subject: Option<Limit>,
    key: Option<(Arc<KeyOf>, Limit)>,
    unauthenticated: Option<usize>,
    ipv6_prefix: u8,
    retry_after: Duration,
    on_high_water: Option<Arc<OnHighWater>>,
    pub(crate) report_only: bool,
}

impl ConnectionLimitLayer {
    /// No limit yet.
    pub fn new() -> Self {
        let settings = Settings {
            global: None,
            client: None,
            subject: None,
            key: None,
            unauthenticated: None,
            ipv6_prefix: 64,
            retry_after: Duration::from_secs(5),
            on_high_water: None,
            report_only: false,
        };
        Self { pool: Arc::new(Pool::new(None)), settings: Arc::new(settings) }
    }

    /// How many there may be in all. More are refused with 503.
    pub fn global(self, most: usize) -> Self {
        self.set(|settings| settings.global = Some(most))
    }

    /// How many of one client address, which a layer outside must have found.
    pub fn per_client_ip(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.client = Some(limit))
    }

    /// How many leading bits of an IPv6 address name a client. 64 by default.
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// How many of one subject. Of one that is known only after the first message, the permit is taken then; if there is
    /// none, the connection is closed with 1008. Who stays anonymous does not count here: see
    /// [`unauthenticated`](Self::unauthenticated).
    pub fn per_subject(self, limit: impl Into<Limit>) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.subject = Some(limit))
    }

    /// How many of one key, which a closure reads from the request. Without a key this limit does not count.
    pub fn per_key(
        self,
        limit: impl Into<Limit>,
        key: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let limit = limit.into();
        self.set(|settings| settings.key = Some((Arc::new(key), limit)))
    }

    /// How many of those of whom it is not known yet who they are, or never will be. No limit unless told otherwise.
    pub fn unauthenticated(self, most: usize) -> Self {
        self.set(|settings| settings.unauthenticated = Some(most))
    }

    /// What refused clients are told to wait. 5 s by default.
    pub fn retry_after(self, wait: Duration) -> Self {
        self.set(|settings| settings.retry_after = wait)
    }

    /// Is told how many live, and how many may, when nine tenths of the global limit are reached: once, until there were
    /// less than eight tenths. Must not block.
    pub fn on_high_water(self, announce: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_high_water = Some(Arc::new(announce)))
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

impl Settings {
    /// The limits that a handshake counts against.
    pub(crate) fn keys(&self, parts: &Parts) -> Result<Vec<(Key, Limit)>, Refusal> {
        let mut keys = Vec::new();
        if let Some(limit) = self.client {
            keys.push((Key::Client(client(parts, self.ipv6_prefix)?), limit));
        }
        let subject = parts.extensions.get::<Subject>();
        if let (Some(limit), Some(subject)) = (self.subject, subject) {
            keys.push((Key::Subject(subject.clone()), limit));
        }
        if let (Some(most), None) = (self.unauthenticated, subject) {
            keys.push((Key::Unauthenticated, Limit::new(most)));
        }
        if let Some((key, limit)) = self.key.as_ref().and_then(|(key, limit)| Some((key(parts)?, *limit))) {
            keys.push((Key::Custom(key.into()), limit));
        }
        // Each connection keeps its own.
        keys.shrink_to_fit();
        Ok(keys)
    }

    /// What waits for the subject, if anything does.
    pub(crate) fn awaits_subject(&self, parts: &Parts) -> bool {
        (self.subject.is_some() || self.unauthenticated.is_some()) && parts.extensions.get::<Subject>().is_none()
    }

    pub(crate) fn subject_limit(&self) -> Option<Limit> {
        self.subject
    }

    pub(crate) fn refusal(&self, full: &Full) -> Refusal {
        let (kind, status, reason) = match full {
            Full::Server => ("server_full", StatusCode::SERVICE_UNAVAILABLE, "server full"),
            Full::Of(Key::Unauthenticated) => {
                ("too_many_unauthenticated", StatusCode::SERVICE_UNAVAILABLE, "server full")
            }
            Full::Of(_) => ("too_many_connections", StatusCode::TOO_MANY_REQUESTS, "too many connections"),
        };
        let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, reason);
        Refusal::new(kind, status).close(close).retry_after(self.retry_after).sentence(reason)
    }

    pub(crate) fn announce(&self, Crossed { live, most }: Crossed) {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "portcullis", live, most, "nine tenths of the connections that may live do");
        if let Some(announce) = &self.on_high_water {
            announce(live, most);
        }
    }
}

impl<S> Layer<S> for ConnectionLimitLayer {
    type Service = ConnectionLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionLimit::new(inner, self.settings.clone(), self.pool.clone())
    }
}

impl fmt::Debug for ConnectionLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionLimitLayer").field("live", &self.live()).finish_non_exhaustive()
    }
}
