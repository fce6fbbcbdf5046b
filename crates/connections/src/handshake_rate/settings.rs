//! Whose handshakes are counted together, and how one too many is refused.
//!
//! A plain request counts against nothing until its credentials have failed, and then against its client. That is why
//! there are two functions from a request to a key: a handshake without an address is a wiring error, and a plain
//! request without one is not limited.

use std::{fmt, mem::discriminant, net::IpAddr, sync::Arc, time::Duration};

use http::{StatusCode, request::Parts};
use portcullis_core::{
    CloseCode, CloseFrame,
    identity::ClientIp,
    refusal::{Kind, LimitOwner, Refusal},
    shared::{Name, ShareRates},
};
use portcullis_quota::{Key, Secret};

/// Reads a key from a request.
pub(super) type KeyOf = dyn Fn(&Parts) -> Option<Box<[u8]>> + Send + Sync;

#[derive(Clone)]
pub(super) enum Scope {
    Global,
    Client,
    Subject,
    Custom(Arc<KeyOf>),
}

#[derive(Clone)]
pub(super) struct Settings {
    /// By default the whole server's.
    pub(super) scope: Option<Scope>,
    pub(super) require_subject: bool,
    pub(super) ipv6_prefix: u8,
    pub(super) report_only: bool,
    pub(super) shared: Option<Arc<dyn ShareRates>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scope: None, require_subject: false, ipv6_prefix: 64, report_only: false, shared: None }
    }
}

impl Settings {
    /// Sets the scope. Two of them contradict each other.
    #[track_caller]
    pub(super) fn count_by(&mut self, scope: Scope) {
        let other = self.scope.as_ref().is_some_and(|other| discriminant(other) != discriminant(&scope));
        assert!(!other, "handshakes are counted by one thing: use a layer for each");
        self.scope = Some(scope);
    }

    /// Returns the key that a handshake counts against, if it has one.
    pub(super) fn key(&self, parts: &Parts, secret: &Secret) -> Result<Option<Key>, Refusal> {
        let address = || ClientIp::network_of(parts, self.ipv6_prefix);
        Ok(match self.scope() {
            Scope::Global => Some(Key::ONE),
            Scope::Client => Some(secret.address(address()?)),
            Scope::Custom(key) => key(parts).map(|key| secret.key(&("custom", key))),
            Scope::Subject => Some(match LimitOwner::of(parts, self.ipv6_prefix, self.require_subject)? {
                LimitOwner::Subject(subject) => secret.key(&("subject", subject)),
                LimitOwner::Client(client) | LimitOwner::Awaited(Some(client)) => secret.address(client),
                // A handshake is charged before the client has sent its first message.
                LimitOwner::Awaited(None) => secret.address(address()?),
            }),
        })
    }

    /// What the key of [`key`](Self::key) is called on all nodes.
    pub(super) fn name(&self, store: &dyn ShareRates, parts: &Parts) -> Result<Option<Name>, Refusal> {
        let address = || ClientIp::network_of(parts, self.ipv6_prefix);
        let client = |client: IpAddr| store.name("handshakes of a client", client.to_string().as_bytes());
        Ok(match self.scope() {
            Scope::Global => Some(store.name("handshakes", &[])),
            Scope::Client => Some(client(address()?)),
            Scope::Custom(key) => key(parts).map(|key| store.name("handshakes of a key", &key)),
            Scope::Subject => Some(match LimitOwner::of(parts, self.ipv6_prefix, self.require_subject)? {
                LimitOwner::Subject(subject) => store.name("handshakes of a subject", &subject.to_bytes()),
                LimitOwner::Client(address) | LimitOwner::Awaited(Some(address)) => client(address),
                LimitOwner::Awaited(None) => client(address()?),
            }),
        })
    }

    /// The scope that counts. A required subject is a restriction: no other scope lifts it.
    fn scope(&self) -> &Scope {
        if self.require_subject { &Scope::Subject } else { self.scope.as_ref().unwrap_or(&Scope::Global) }
    }

    /// Returns the key that a plain request counts against if it fails to authenticate, if its sender is known. A quota
    /// of the whole server is each client's: one that fails is not to lock out all others.
    pub(super) fn key_of_plain(&self, parts: &Parts, secret: &Secret) -> Option<Key> {
        let client = || {
            let client = parts.extensions.get::<ClientIp>()?;
            Some(secret.address(client.network(self.ipv6_prefix)))
        };
        match self.scope() {
            Scope::Subject => {
                let subject = LimitOwner::known_subject(parts);
                subject.map(|subject| secret.key(&("subject", subject))).or_else(client)
            }
            Scope::Custom(key) => key(parts).map(|key| secret.key(&("custom", key))),
            Scope::Global | Scope::Client => client(),
        }
    }

    pub(super) fn refusal_of_plain(wait: Duration) -> Refusal {
        let refusal = Refusal::new(Kind::AUTHENTICATION_RATE, StatusCode::TOO_MANY_REQUESTS);
        refusal.with_retry_after(wait).with_message("too many failed authentications")
    }

    pub(super) fn refusal(&self, wait: Duration) -> Refusal {
        let (kind, status) = match self.scope() {
            Scope::Global => (Kind::SERVER_HANDSHAKE_RATE, StatusCode::SERVICE_UNAVAILABLE),
            _ => (Kind::HANDSHAKE_RATE, StatusCode::TOO_MANY_REQUESTS),
        };
        let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "too many handshakes");
        Refusal::new(kind, status).with_close_frame(close).with_retry_after(wait).with_message("too many handshakes")
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("scope", &self.scope)
            .field("require_subject", &self.require_subject)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .field("report_only", &self.report_only)
            .field("shared", &self.shared.is_some())
            .finish()
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "Global",
            Self::Client => "Client",
            Self::Subject => "Subject",
            Self::Custom(_) => "Custom",
        })
    }
}
