//! What is compared.

use std::io;

use axum::Router;
use portcullis_core::GuardLayer;
use portcullis_rate_limit::{ByteQuota, MessageRateLayer};

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// axum alone.
    Bare,
    /// The guard, without a policy.
    Core,
    /// The guard and three limits that are never reached: messages, bytes, and messages of a key.
    Rate,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Bare, Self::Core, Self::Rate];

    pub(crate) fn parse(name: &str) -> io::Result<Self> {
        let found = Self::ALL.into_iter().find(|side| side.name() == name);
        found.ok_or_else(|| io::Error::other(format!("no such side: {name}")))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Core => "core",
            Self::Rate => "rate",
        }
    }

    /// Puts its guard around the routes.
    pub(crate) fn guard(self, routes: Router) -> Router {
        match self {
            Self::Bare => routes,
            Self::Core => routes.layer(GuardLayer::new()),
            Self::Rate => {
                let messages = || MessageRateLayer::per_second(1_000_000_000);
                let bytes = MessageRateLayer::bytes(ByteQuota::per_second(1_000_000_000_000));
                routes.layer(messages()).layer(bytes).layer(messages().per_key(|_| Some("a key")))
            }
        }
    }
}
