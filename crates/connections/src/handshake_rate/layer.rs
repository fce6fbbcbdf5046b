//! The builder of a limit on handshakes.

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

/// Limits how often new connections are asked for: of the whole server, or of one client address, subject or key.
///
/// Every handshake is charged, also one that is refused further inside: stand outside of whatever costs much. More are
/// refused with 429, or 503 where the limit is the server's, and `Retry-After`.
///
/// Plain requests, which are not handshakes, are not charged. But those that show a credential which is not good, such
/// as a token with a wrong signature, cost a verification each: as many of them are let in as handshakes are, counted
/// apart from these. A key that has failed so often is refused with 429, whatever it sends, until one more may fail.
/// Where the limit is the server's, they count by client address, if a layer outside has found that; it takes a layer
/// inside, such as a `JwtLayer`, to say that a credential is not good: see [`Refusal::failed_authentication`]. A
/// request whose client leaves before it is answered does not count.
///
/// # Defaults
///
/// The whole server. A million keys are remembered, of about a hundred bytes each. A client address that finds no room
/// shares the quota of its /48 (IPv4: /24), then of its /32 (/16); other keys share by a few bits of their hashes.
#[derive(Clone)]
#[must_use]
pub struct HandshakeRateLayer {
    quota: Quota,
    settings: Settings,
    rate: Arc<Rate>,
}

impl HandshakeRateLayer {
    /// So many a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If `handshakes` is zero. A server that accepts no handshake needs no limit: see
    /// [`ConnectionLimitLayer::global`](crate::ConnectionLimitLayer::global).
    #[track_caller]
    pub fn per_second(handshakes: u32) -> Self {
        Self::new(Quota::per_second(count(handshakes)))
    }

    /// A quota of handshakes.
    pub fn new(quota: Quota) -> Self {
        Self { quota, settings: Settings::default(), rate: Arc::new(Rate::new(quota)) }
    }

    /// So many at once.
    ///
    /// # Panics
    ///
    /// If `handshakes` is zero.
    #[track_caller]
    pub fn burst(self, handshakes: u32) -> Self {
        let quota = self.quota.allow_burst(count(handshakes));
        Self { quota, rate: Arc::new(Rate::new(quota)), ..self }
    }

    /// Each client address has the quota for itself. A layer outside must have found it.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_client_ip(self) -> Self {
        self.count_by(Scope::Client)
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

    /// Each subject has the quota for itself, and so has each client address, which a layer outside must have found,
    /// for all clients without a subject.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_subject(self) -> Self {
        self.count_by(Scope::Subject)
    }

    /// Each subject has the quota for itself, and clients without one are refused with 403, but for those that say who
    /// they are with their first message: these count by address. Takes precedence over every other scope, whatever the
    /// order of calls.
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// Each key has the quota for itself. Without a key a handshake is not counted. The closure is asked about plain
    /// requests, too.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_key<K: AsRef<[u8]>>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.count_by(Scope::Custom(Arc::new(key)))
    }

    /// Counts the handshakes of all nodes that share limits, by a store such as `portcullis_redis::Cluster`.
    ///
    /// What this node counts itself stands all the same, and decides first: the store sees no more handshakes than the
    /// quota lets in. While it cannot be asked, the layer does what the store was told: it refuses newcomers (503), or
    /// this node has a share of the quota, or all of it. Plain requests that fail to authenticate count on their own
    /// node.
    pub fn shared(self, store: &(impl ShareRates + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.shared = Some(store))
    }

    /// Refuses nobody.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.report_only = true)
    }

    /// The decision of this node about a handshake, as a plain function of the time.
    ///
    /// # Errors
    ///
    /// Why it is refused.
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
