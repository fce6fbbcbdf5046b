//! Which limits a handshake counts against, and how it is refused where one is reached.
//!
//! Each method of the builder sets one field, and no field depends on the order of the calls. What follows from several
//! together, such as whose limit a client without a subject counts against, is decided here, for each handshake.

use std::{fmt, sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};
use portcullis_core::{
    CloseCode, CloseFrame,
    identity::ClientIp,
    refusal::{Kind, LimitOwner, Refusal},
    shared::SharePermits,
};

use super::{
    capacity::Limit,
    permits::{Crossed, Full, Key, Keys},
};

pub(super) type KeyOf = dyn Fn(&Parts) -> Option<Box<[u8]>> + Send + Sync;
pub(super) type OnHighWater = dyn Fn(usize, usize) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(super) global: Option<usize>,
    pub(super) client: Option<Limit>,
    pub(super) subject: Option<Limit>,
    pub(super) key: Option<(Arc<KeyOf>, Limit)>,
    pub(super) require_subject: bool,
    pub(super) unauthenticated: Option<usize>,
    pub(super) ipv6_prefix: u8,
    pub(super) retry_after: Duration,
    pub(super) on_high_water: Option<Arc<OnHighWater>>,
    pub(super) until_handler_returns: bool,
    pub(super) report_only: bool,
    pub(super) shared: Option<Arc<dyn SharePermits>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            global: None,
            client: None,
            subject: None,
            key: None,
            require_subject: false,
            unauthenticated: None,
            ipv6_prefix: 64,
            retry_after: Duration::from_secs(5),
            on_high_water: None,
            until_handler_returns: false,
            report_only: false,
            shared: None,
        }
    }
}

/// What a handshake counts against.
pub(crate) struct Counted {
    pub(crate) keys: Keys,
    /// Whether something is counted otherwise once a subject becomes known.
    pub(crate) awaits_subject: bool,
}

impl Settings {
    /// The limits that a handshake counts against.
    ///
    /// Up to four: the client's address, its subject or the address of one without, the connections without a subject,
    /// and a key of the application's. The limit of the whole server is not among them; the pool counts it in one word.
    pub(crate) fn counted(&self, parts: &Parts) -> Result<Counted, Refusal> {
        let mut keys = Keys::new();
        if let Some(limit) = self.client {
            keys.push((Key::Client(ClientIp::network_of(parts, self.ipv6_prefix)?), self.of_layer(limit)));
        }
        let limit_owner = self.limit_owner(parts)?;
        let awaits_subject = match &limit_owner {
            Some(owner) => !matches!(owner, LimitOwner::Subject(_)),
            None => self.unauthenticated.is_some() && LimitOwner::known_subject(parts).is_none(),
        };
        match (limit_owner, self.subject) {
            (Some(LimitOwner::Subject(subject)), Some(limit)) => {
                keys.push((Key::Subject(subject), self.of_layer(limit)));
            }
            (Some(LimitOwner::Client(client)), Some(limit)) => {
                keys.push((Key::Anonymous(client), self.of_layer(limit.refusing())));
            }
            _ => {}
        }
        if let (Some(max), true) = (self.unauthenticated, awaits_subject) {
            keys.push((Key::Unauthenticated, self.of_layer(Limit::new(max))));
        }
        if let Some((key, limit)) = self.key.as_ref().and_then(|(key, limit)| Some((key(parts)?, *limit))) {
            keys.push((Key::Custom(key), self.of_layer(limit)));
        }
        Ok(Counted { keys, awaits_subject })
    }

    /// Whether any limit of the layer evicts.
    pub(super) fn evicts(&self) -> bool {
        let evicts = |limit: Option<Limit>| limit.is_some_and(|limit| limit.evict);
        evicts(self.client) || evicts(self.subject) || evicts(self.key.as_ref().map(|(_, limit)| *limit))
    }

    /// A limit, with what the whole layer decides: where nothing is evicted, no permit keeps its connection.
    fn of_layer(&self, limit: Limit) -> Limit {
        Limit { work: self.until_handler_returns, refuses: !self.evicts(), ..limit }
    }

    /// Whose limit a handshake counts against, if any depends on that.
    pub(crate) fn limit_owner(&self, parts: &Parts) -> Result<Option<LimitOwner>, Refusal> {
        let by_subject = self.subject.is_some() || self.require_subject;
        by_subject.then(|| LimitOwner::of(parts, self.ipv6_prefix, self.require_subject)).transpose()
    }

    pub(crate) fn subject_limit(&self) -> Option<Limit> {
        self.subject.map(|limit| self.of_layer(limit))
    }

    pub(crate) fn refusal(&self, full: &Full) -> Refusal {
        let (kind, status, reason) = match full {
            Full::Server => (Kind::SERVER_FULL, StatusCode::SERVICE_UNAVAILABLE, "server full"),
            Full::Of(Key::Unauthenticated) => {
                (Kind::TOO_MANY_UNAUTHENTICATED, StatusCode::SERVICE_UNAVAILABLE, "server full")
            }
            Full::Of(_) | Full::Part => {
                (Kind::TOO_MANY_CONNECTIONS, StatusCode::TOO_MANY_REQUESTS, "too many connections")
            }
        };
        let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, reason);
        Refusal::new(kind, status).with_close_frame(close).with_retry_after(self.retry_after).with_message(reason)
    }

    pub(crate) fn announce(&self, Crossed { live, max }: Crossed) {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: "portcullis", live, max, "nine tenths of the connections that may live do");
        if let Some(announce) = &self.on_high_water {
            announce(live, max);
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("global", &self.global)
            .field("client", &self.client)
            .field("subject", &self.subject)
            .field("key", &self.key.as_ref().map(|(_, limit)| limit))
            .field("require_subject", &self.require_subject)
            .field("unauthenticated", &self.unauthenticated)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .field("retry_after", &self.retry_after)
            .field("on_high_water", &self.on_high_water.is_some())
            .field("until_handler_returns", &self.until_handler_returns)
            .field("report_only", &self.report_only)
            .field("shared", &self.shared.is_some())
            .finish()
    }
}
