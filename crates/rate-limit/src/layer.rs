//! The layer.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use http::request::Parts;
use portcullis_core::{CloseFrame, policy::Policy, refusal::Refusal};
use portcullis_quota::{ByteQuota, Epoch, Meter, Quota, Secret, Table, sixty_four_times};
use tower_layer::Layer;

use crate::{
    account::Account,
    cells::{BYTES, CONTINUATIONS, CONTROL, KINDS, MESSAGES, Meters},
    key::{Scope, custom},
    policy::{Answer, Excess, Limiter},
    service::MessageRate,
};

/// Limits what clients send. The crate's page says what is counted and what the defaults are.
///
/// Clones, and what [`layer`](Layer::layer) makes of them, share the quotas of keys.
#[derive(Debug, Clone)]
#[must_use]
pub struct MessageRateLayer {
    settings: Settings,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
struct Settings {
    messages: Option<Quota>,
    bytes: Option<ByteQuota>,
    control: Option<Quota>,
    continuations: Option<Quota>,
    scope: Scope,
    ipv6_prefix: u8,
    most_keys: usize,
    answer: Answer,
}

/// What all connections of a layer have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) meters: Meters,
    pub(crate) scope: Scope,
    pub(crate) ipv6_prefix: u8,
    pub(crate) answer: Answer,
    pub(crate) table: Table<KINDS>,
    pub(crate) secret: Secret,
    pub(crate) epoch: Epoch,
}

impl MessageRateLayer {
    /// So many messages a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If that is none. A connection that may send no message needs no layer.
    pub fn per_second(messages: u32) -> Self {
        Self::new(Quota::per_second(count(messages)))
    }

    /// A quota of messages.
    pub fn new(quota: Quota) -> Self {
        let control = Quota::per_second(count(10)).allow_burst(count(30));
        Self::with(Some(quota), None, Some(control))
    }

    /// A quota of bytes, and of nothing else: of payload, in frames of every kind.
    pub fn bytes(quota: ByteQuota) -> Self {
        Self::with(None, Some(quota), None)
    }

    fn with(messages: Option<Quota>, bytes: Option<ByteQuota>, control: Option<Quota>) -> Self {
        let answer = Answer {
            excess: Excess::default(),
            close: None,
            max_delay: Duration::from_secs(30),
            patience: None,
            empty: 32,
            report_only: false,
        };
        let settings = Settings {
            messages,
            bytes,
            control,
            continuations: messages.map(sixty_four_times),
            scope: Scope::Connection,
            ipv6_prefix: 64,
            most_keys: 1_000_000,
            answer,
        };
        Self { shared: Arc::new(settings.shared()), settings }
    }

    /// So many messages at once.
    ///
    /// # Panics
    ///
    /// If that is none.
    pub fn burst(self, messages: u32) -> Self {
        self.set(|settings| {
            settings.messages = settings.messages.map(|quota| quota.allow_burst(count(messages)));
            settings.continuations = settings.messages.map(sixty_four_times);
        })
    }

    /// A quota of bytes beside that of messages.
    pub fn byte_quota(self, quota: ByteQuota) -> Self {
        self.set(|settings| settings.bytes = Some(quota))
    }

    /// The quota of pings and pongs.
    pub fn control_quota(self, quota: Quota) -> Self {
        self.set(|settings| settings.control = Some(quota))
    }

    /// The quota of continuation frames.
    pub fn continuation_quota(self, quota: Quota) -> Self {
        self.set(|settings| settings.continuations = Some(quota))
    }

    /// How many empty continuation frames a message may have. More closes, whatever else is done on excess.
    pub fn empty_continuations(self, frames: u32) -> Self {
        self.set(|settings| settings.answer.empty = frames)
    }

    /// All connections of one subject share the quotas. Anonymous ones share them by client address.
    pub fn per_subject(self) -> Self {
        self.set(|settings| settings.scope = Scope::Subject { required: false })
    }

    /// With [`per_subject`](Self::per_subject): who sends anything before it is known who he is, is closed with 3000.
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.scope = Scope::Subject { required: true })
    }

    /// All connections of one client address share the quotas, which a layer outside must have found.
    pub fn per_client_ip(self) -> Self {
        self.set(|settings| settings.scope = Scope::Client)
    }

    /// How many leading bits of an IPv6 address name a client. 64 by default: one client has all addresses behind them.
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// All connections with the same key share the quotas. One without a key has them for itself.
    pub fn per_key<K: Hash>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts, secret: &Secret| key(parts).map(|key| custom(secret, &key));
        self.set(|settings| settings.scope = Scope::Custom(Arc::new(key)))
    }

    /// All connections share the quotas.
    pub fn global(self) -> Self {
        self.set(|settings| settings.scope = Scope::Global)
    }

    /// How many keys are remembered. 1,000,000 by default, of about a hundred bytes each. Keys that find no room share
    /// one quota.
    pub fn most_keys(self, keys: usize) -> Self {
        self.set(|settings| settings.most_keys = keys)
    }

    /// What happens to what exceeds a quota.
    pub fn on_excess(self, excess: Excess) -> Self {
        self.set(|settings| settings.answer.excess = excess)
    }

    /// How long anything may be delayed. 30 s by default; what would have to wait longer closes.
    pub fn max_delay(self, time: Duration) -> Self {
        self.set(|settings| settings.answer.max_delay = time)
    }

    /// Where excess is delayed or dropped: after so many violations in a time, the next closes.
    pub fn close_after(self, violations: u32, time: Duration) -> Self {
        self.set(|settings| settings.answer.patience = Some((violations, time)))
    }

    /// The close frame for any excess, instead of 1008 and the name of the quota.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.answer.close = Some(frame))
    }

    /// Nothing is closed, delayed or dropped. [`Allowance::violations`](crate::Allowance::violations) says what would be,
    /// and so do metrics and events.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.answer.report_only = true)
    }

    /// The quota of messages.
    pub fn quota(&self) -> Option<Quota> {
        self.settings.messages
    }

    /// State that is shared begins anew: layers are configured before they are used.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.shared = Arc::new(self.settings.shared());
        self
    }

    /// The policy of one connection, for those who guard a transport of their own (`GuardedIo::new`).
    ///
    /// # Errors
    ///
    /// A wiring error where the quota's owner cannot be told from the request.
    pub fn policy(&self, parts: &Parts) -> Result<Box<dyn Policy>, Refusal> {
        let owner = self.shared.scope.owner(parts, &self.shared.secret, self.shared.ipv6_prefix)?;
        Ok(Box::new(Limiter::new(Arc::new(Account::new(self.shared.clone(), owner)))))
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

impl Settings {
    fn shared(&self) -> Shared {
        let mut meters = Meters::default();
        meters.0[MESSAGES] = self.messages.map(Meter::from);
        meters.0[BYTES] = self.bytes.map(Meter::from);
        meters.0[CONTROL] = self.control.map(Meter::from);
        meters.0[CONTINUATIONS] = self.continuations.map(Meter::from);
        let most = if self.scope.is_shared() { self.most_keys } else { 0 };
        Shared {
            table: Table::new(most, meters.period()),
            meters,
            scope: self.scope.clone(),
            ipv6_prefix: self.ipv6_prefix,
            answer: self.answer.clone(),
            secret: Secret::default(),
            epoch: Epoch::new(),
        }
    }
}

impl Shared {
    pub(crate) fn is_by_subject(&self) -> bool {
        matches!(self.scope, Scope::Subject { .. })
    }
}

fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

/// The clock that connections are judged by, which a test can hold.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<S> Layer<S> for MessageRateLayer {
    type Service = MessageRate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MessageRate::new(inner, self.shared.clone())
    }
}
