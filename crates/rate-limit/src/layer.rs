//! The builder of a limit on messages.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::{CloseFrame, policy::Policy, refusal::Refusal, shared::ShareQuotas};
use portcullis_quota::{ByteQuota, Quota};
use tower_layer::Layer;

use crate::{
    account::Account, cluster::Sharing, excess::Excess, key::Scope, policy::Limiter, service::MessageRateService,
    settings::Settings, shared::Shared,
};

/// Limits what clients send. The [crate's page](crate) lists what is counted, and the defaults.
///
/// Clones of the layer, and the services that they create, share the quotas of keys.
///
/// ```
/// use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
/// use portcullis_core::testing::Handshake;
/// use portcullis_rate_limit::MessageRateLayer;
///
/// async fn handler(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(async |mut socket| while let Some(Ok(_)) = socket.recv().await {})
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = Router::new().route("/ws", any(handler)).layer(MessageRateLayer::per_second(5).burst(10));
/// let mut client = Handshake::new("/ws").connect(app).await?;
/// for number in 0..20 {
///     client.send_text(format!("message {number}")).await?;
/// }
/// assert_eq!(client.closed().await.unwrap().code().unwrap(), 1008);
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct MessageRateLayer {
    settings: Settings,
    shared: Arc<Shared>,
}

impl MessageRateLayer {
    /// Allows `messages` per second on average, in bursts of the same size.
    ///
    /// # Panics
    ///
    /// If `messages` is zero.
    #[track_caller]
    pub fn per_second(messages: u32) -> Self {
        Self::new(Quota::per_second(count(messages)))
    }

    /// Creates a layer with a quota of messages.
    pub fn new(quota: impl Into<Quota>) -> Self {
        let control = Quota::per_second(count(10)).allow_burst(count(30));
        Self::with(Some(quota.into()), None, Some(control))
    }

    /// Creates a layer with a quota of bytes only. It counts the payload of all frames.
    pub fn bytes(quota: ByteQuota) -> Self {
        Self::with(None, Some(quota), None)
    }

    fn with(messages: Option<Quota>, bytes: Option<ByteQuota>, control: Option<Quota>) -> Self {
        let settings = Settings::new(messages, bytes, control);
        Self { shared: Arc::new(Shared::new(&settings)), settings }
    }

    /// Sets the size of a burst, in messages.
    ///
    /// # Panics
    ///
    /// If `messages` is zero, or if the layer was created with [`bytes`](Self::bytes) and has no quota of messages.
    #[track_caller]
    pub fn burst(self, messages: u32) -> Self {
        let burst = count(messages);
        assert!(self.settings.messages.is_some(), "a limit of bytes has no burst of messages");
        self.set(|settings| settings.messages = settings.messages.map(|quota| quota.allow_burst(burst)))
    }

    /// Adds a quota of bytes to that of messages.
    pub fn byte_quota(self, quota: ByteQuota) -> Self {
        self.set(|settings| settings.bytes = Some(quota))
    }

    /// Sets the quota of pings and pongs.
    pub fn control_quota(self, quota: impl Into<Quota>) -> Self {
        self.set(|settings| settings.control = Some(quota.into()))
    }

    /// Sets the quota of continuation frames. By default 64 times that of messages, including the burst.
    pub fn continuation_quota(self, quota: impl Into<Quota>) -> Self {
        self.set(|settings| settings.continuations = Some(quota.into()))
    }

    /// Sets how many empty continuation frames a message may have; zero forbids them. A message with more closes the
    /// connection, whatever [`on_excess`](Self::on_excess) is.
    pub fn max_empty_continuations(self, frames: u32) -> Self {
        self.set(|settings| settings.enforcement.empty = frames)
    }

    /// Shares the quotas among all connections of a subject. Connections without a subject share them by client
    /// address, which a layer outside must have determined.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_subject(self) -> Self {
        self.count_by(Scope::Subject { required: false })
    }

    /// Shares the quotas among all connections of a subject, and refuses clients without a subject with 403.
    ///
    /// Clients may authenticate with their first message; if that yields no subject, the connection is closed with 3000
    /// when it sends another message. Takes precedence over [`per_subject`](Self::per_subject) and every other scope,
    /// regardless of the order of the calls.
    pub fn require_subject(self) -> Self {
        self.set(|settings| settings.require_subject = true)
    }

    /// Shares the quotas among all connections of a client address, which a layer outside must have determined.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_client_ip(self) -> Self {
        self.count_by(Scope::Client)
    }

    /// Sets how many leading bits of an IPv6 address identify a client, 64 by default: one client owns all addresses
    /// with the same prefix.
    ///
    /// # Panics
    ///
    /// If `bits` is zero or more than 128.
    #[track_caller]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        assert!((1..=128).contains(&bits), "a prefix of an IPv6 address has 1 to 128 bits");
        self.set(|settings| settings.ipv6_prefix = bits)
    }

    /// Shares the quotas among all connections with the same key. A connection without a key has quotas of its own.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn per_key<K: AsRef<[u8]>>(self, key: impl Fn(&Parts) -> Option<K> + Send + Sync + 'static) -> Self {
        let key = move |parts: &Parts| key(parts).map(|key| key.as_ref().into());
        self.count_by(Scope::Custom(Arc::new(key)))
    }

    /// Shares the quotas among all connections.
    ///
    /// # Panics
    ///
    /// If another scope was set before.
    #[track_caller]
    pub fn global(self) -> Self {
        self.count_by(Scope::Global)
    }

    /// Counts messages together with the other nodes that share limits, by a store such as `portcullis_redis::Cluster`:
    /// the messages of a subject, a client address, a key or the whole service. Bytes, control frames and continuation
    /// frames are counted by each node.
    ///
    /// No message waits for the store. A node buys messages ahead, in blocks, and spends them; see
    /// [`block`](Self::block). The quota also holds on each node alone, which decides first. Within any time `t`, the
    /// nodes on which a key has connections admit at most `burst + rate * t + nodes * 2 * block` of its messages.
    ///
    /// - A message that exceeds what the node has in hand is held back until the store has answered, and refused only
    ///   by that answer. See [`Excess::Delay`] for what is read meanwhile.
    /// - While the store cannot be asked, or its answer is late, a node first spends what it has bought. Then it does
    ///   what the store was configured to do: it admits its share of the quota, which starts as full as the whole quota
    ///   was; or the whole quota; or nothing, and a connection that sends a message is closed with 1013.
    /// - With [`Excess::Delay`], a message is judged again when its time has come, because a shared quota cannot be
    ///   reserved. If it would have to wait longer than [`max_delay`](Self::max_delay) in all, the connection is
    ///   closed.
    /// - When the last connection of a key on this node ends, what was not spent is given back.
    /// - A charge of an [`Allowance`](crate::Allowance) that is larger than a block counts as a block.
    ///
    /// When the layer is applied, it panics if each connection has a quota of its own, or if there is no quota of
    /// messages.
    ///
    /// ```
    /// # use portcullis_core::shared::ShareQuotas;
    /// use portcullis_rate_limit::MessageRateLayer;
    ///
    /// # fn example(cluster: &(impl ShareQuotas + Clone)) {
    /// // Each subject may send 20 messages a second, in bursts of 40, however many nodes it is connected to.
    /// let layer = MessageRateLayer::per_second(20).burst(40).per_subject().shared(cluster).block(10);
    /// assert_eq!(layer.quota().unwrap().burst_size().get(), 40);
    /// # }
    /// ```
    pub fn shared(self, store: &(impl ShareQuotas + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.sharing = Some(Sharing { store, block: None }))
    }

    /// Sets how many messages a node buys at once of a [`shared`](Self::shared) quota, which is also how many it may
    /// spend while it waits for the answer. With a larger block the store is asked less often; with a smaller one,
    /// nodes keep closer to the quota.
    ///
    /// By default a block is an eighth of the burst, or what the quota allows within twice the time that the store has
    /// to answer (100 ms with `portcullis_redis`) if that is more, but at most the burst divided by the number of
    /// nodes. With a block of less than what the quota allows within that time, a client within its quota may be
    /// delayed or refused when the store is slow.
    ///
    /// When the layer is applied, it panics if a block is larger than the burst, or if the quota is not shared.
    ///
    /// # Panics
    ///
    /// If `messages` is zero.
    #[track_caller]
    pub fn block(self, messages: u32) -> Self {
        let block = count(messages).get();
        self.set(|settings| settings.block = Some(block))
    }

    /// Sets how many keys are kept: 1,000,000 by default, of about 100 bytes each. An eighth of the room is reserved
    /// for the groups that keys share when there is no room; see the [crate's page](crate).
    ///
    /// # Panics
    ///
    /// If `keys` is zero.
    #[track_caller]
    pub fn max_keys(self, keys: usize) -> Self {
        assert!(keys > 0, "a quota that is shared needs room for one key at least");
        self.set(|settings| settings.max_keys = keys)
    }

    /// Sets what happens to a frame that exceeds a quota. It closes the connection by default.
    pub fn on_excess(self, excess: Excess) -> Self {
        self.set(|settings| settings.enforcement.excess = excess)
    }

    /// Sets how long a frame may be delayed, 30 s by default. One that would have to wait longer closes the connection;
    /// with zero, each one that would have to wait does.
    pub fn max_delay(self, time: Duration) -> Self {
        self.set(|settings| settings.enforcement.max_delay = time)
    }

    /// Closes the connection after more than `violations` within `time`, where excess is delayed or dropped.
    ///
    /// # Panics
    ///
    /// If `time` is zero.
    #[track_caller]
    pub fn close_after(self, violations: u32, time: Duration) -> Self {
        assert!(!time.is_zero(), "violations are counted in a time, which must not be zero");
        self.set(|settings| settings.enforcement.patience = Some((violations, time)))
    }

    /// Sets the close frame for any excess, instead of 1008 with the name of the quota.
    pub fn close_frame(self, frame: CloseFrame) -> Self {
        self.set(|settings| settings.enforcement.close = Some(frame))
    }

    /// Closes, delays and drops nothing. Violations are counted by
    /// [`Allowance::violations`](crate::Allowance::violations), and by metrics and events.
    pub fn report_only(self) -> Self {
        self.set(|settings| settings.enforcement.report_only = true)
    }

    /// Returns the quota of messages.
    pub fn quota(&self) -> Option<Quota> {
        self.settings.messages
    }

    #[track_caller]
    fn count_by(mut self, scope: Scope) -> Self {
        self.settings.count_by(scope);
        self.set(|_| {})
    }

    /// Settings are judged together, when they are all there.
    #[track_caller]
    fn assert_consistent(&self) {
        if let Some(contradiction) = self.settings.contradiction() {
            panic!("{contradiction}");
        }
    }

    /// Starts shared state anew, because layers are configured before they are used.
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.shared = Arc::new(Shared::new(&self.settings));
        self
    }

    /// Creates the policy of one connection, for applications that guard a transport of their own (`GuardedIo::new`).
    ///
    /// # Errors
    ///
    /// A wiring error if the owner of the quota cannot be determined from the request; 403 if a subject is required.
    ///
    /// # Panics
    ///
    /// If the settings contradict each other: see [`shared`](Self::shared).
    #[track_caller]
    pub fn policy(&self, parts: &Parts) -> Result<Box<dyn Policy>, Refusal> {
        self.assert_consistent();
        let owner = self.shared.owner(parts)?;
        Ok(Box::new(Limiter::new(Arc::new(Account::new(self.shared.clone(), owner)))))
    }

    #[cfg(test)]
    pub(crate) fn shared_state(&self) -> Arc<Shared> {
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

    #[track_caller]
    fn layer(&self, inner: S) -> Self::Service {
        self.assert_consistent();
        MessageRateService::new(inner, self.shared.clone())
    }
}
