//! The builder, in which what a layer is told becomes settings.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::{CloseFrame, policy::Policy, refusal::Refusal};
use portcullis_quota::{ByteQuota, Quota, Secret};
use tower_layer::Layer;

use crate::{
    account::Account,
    excess::Excess,
    key::{Scope, custom},
    policy::Limiter,
    service::MessageRateService,
    settings::Settings,
    shared::Shared,
};

/// Limits what clients send. The crate's page says what is counted and what the defaults are.
///
/// Clones, and what [`layer`](Layer::layer) makes of them, share the quotas of keys.
#[derive(Clone)]
#[must_use]
pub struct MessageRateLayer {
    settings: Settings,
    shared: Arc<Shared>,
}

impl MessageRateLayer {
    /// So many messages a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If `messages` is zero. A connection that may send no message needs no layer.
    #[track_caller]
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
        let settings = Settings::new(messages, bytes, control);
        Self { shared: Arc::new(Shared::new(&settings)), settings }
    }

    /// So many messages at once.
    ///
    /// # Panics
    ///
    /// If `messages` is zero, or in a layer of [`bytes`](Self::bytes), which has no quota of messages.
    #[track_caller]
    pub fn burst(self, messages: u32) -> Self {
        let burst = count(messages);
        assert!(self.settings.messages.is_some(), "a limit of bytes has no burst of messages");
        self.set(|settings| settings.messages = settings.messages.map(|quota| quota.allow_burst(burst)))
    }

    /// A quota of bytes beside that of messages.
    pub fn byte_quota(self, quota: ByteQuota) -> Self {
        self.set(|settings| settings.bytes = Some(quota))
    }

    /// The quota of pings and pongs.
    pub fn control_quota(self, quota: Quota) -> Self {
        self.set(|settings| settings.control = Some(quota))
    }

    /// The quota of continuation frames. By default 64 times that of messages, burst included.
    pub fn continuation_quota(self, quota: Quota) -> Self {
        self.set(|settings| settings.continuations = Some(quota))
    }

    /// How many empty continuation frames a message may have; zero forbids them. More closes, whatever else is done on
    /// excess.
    pub fn max_empty_continuations(self, frames: u32) -> Self {
        self.set(|settings| settings.enforcement.empty = frames)
    }

    /// All connections of one subject share the quotas. Those without a subject share them by client address, which a
    /// layer outside must have found.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_subject(self) -> Self {
        self.count_by(Scope::Subject { required: false })
    }

    /// All connections of one subject share the quotas, and clients without one are refused with 403. Of those that say
    /// who they are with their first message, a connection whose message names no subject is closed with 3000 when it
    /// sends another. Takes precedence over [`per_subject`](Self::per_subject) and every other scope, whatever the
    /// order of calls.
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// All connections of one client address share the quotas, which a layer outside must have found.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_client_ip(self) -> Self {
        self.count_by(Scope::Client)
    }

    /// How many leading bits of an IPv6 address name a client. 64 by default: one client has all addresses behind them.
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// All connections with the same key share the quotas. One without a key has them for itself.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_key<K: AsRef<[u8]>>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts, secret: &Secret| key(parts).map(|key| custom(secret, key.as_ref()));
        self.count_by(Scope::Custom(Arc::new(key)))
    }

    /// All connections share the quotas.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn global(self) -> Self {
        self.count_by(Scope::Global)
    }

    /// How many keys are remembered. 1,000,000 by default, of about a hundred bytes each; an eighth of the room is set
    /// aside for groups of those that find none. The crate's page says which.
    ///
    /// # Panics
    ///
    /// If `keys` is zero.
    #[track_caller]
    pub fn max_keys(self, keys: usize) -> Self {
        assert!(keys > 0, "a quota that is shared needs room for one key at least");
        self.set(|settings| settings.max_keys = keys)
    }

    /// What happens to what exceeds a quota.
    pub fn on_excess(self, excess: Excess) -> Self {
        self.set(|settings| settings.enforcement.excess = excess)
    }

    /// How long anything may be delayed. 30 s by default; what would have to wait longer closes. With zero everything
    /// that would have to wait closes.
    pub fn max_delay(self, time: Duration) -> Self {
        self.set(|settings| settings.enforcement.max_delay = time)
    }

    /// Where excess is delayed or dropped: after so many violations in a time, the next closes.
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn close_after(self, violations: u32, time: Duration) -> Self {
        assert!(!time.is_zero(), "violations are counted in a time, which must not be zero");
        self.set(|settings| settings.enforcement.patience = Some((violations, time)))
    }

    /// The close frame for any excess, instead of 1008 and the name of the quota.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.enforcement.close = Some(frame))
    }

    /// Nothing is closed, delayed or dropped. [`Allowance::violations`](crate::Allowance::violations) says what would
    /// be, and so do metrics and events.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.enforcement.report_only = true)
    }

    /// The quota of messages.
    pub fn quota(&self) -> Option<Quota> {
        self.settings.messages
    }

    #[track_caller]
    fn count_by(mut self, scope: Scope) -> Self {
        self.settings.count_by(scope);
        self.set(|_| {})
    }

    /// State that is shared begins anew: layers are configured before they are used.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.shared = Arc::new(Shared::new(&self.settings));
        self
    }

    /// The policy of one connection, for those who guard a transport of their own (`GuardedIo::new`).
    ///
    /// # Errors
    ///
    /// A wiring error where the quota's owner cannot be told from the request, and 403 where a subject is required.
    pub fn policy(&self, parts: &Parts) -> Result<Box<dyn Policy>, Refusal> {
        let owner = self.shared.owner(parts)?;
        Ok(Box::new(Limiter::new(Arc::new(Account::new(self.shared.clone(), owner)))))
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}

#[track_caller]
fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

impl fmt::Debug for MessageRateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRateLayer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for MessageRateLayer {
    type Service = MessageRateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MessageRateService::new(inner, self.shared.clone())
    }
}
