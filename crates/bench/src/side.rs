//! What is compared.

use std::io;

use axum::Router;
use portcullis_core::GuardLayer;
use portcullis_rate_limit::MessageRateLayer;

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// axum alone.
    Bare,
    /// The guard, without a policy.
    Core,
    /// The guard and a limit that is never reached.
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
            Self::Rate => routes.layer(MessageRateLayer::per_second(1_000_000_000)),
        }
    }
}
