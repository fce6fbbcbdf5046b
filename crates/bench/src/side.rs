//! What is compared.

use std::{io, time::Duration};

use axum::Router;
use portcullis_close::CloseLayer;
use portcullis_core::GuardLayer;
use portcullis_rate_limit::{ByteQuota, MessageRateLayer};
use tower::layer::util::Identity;

use crate::{
    parts::{self, Part},
    shared,
};

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// axum alone.
    Bare,
    /// A layer that does nothing: what axum itself needs for one.
    Layered,
    /// The guard, without a policy.
    Core,
    /// The guard and three limits that are never reached: messages, bytes, and messages of a key.
    Rate,
    /// The guard and one layer.
    Alone(Part),
    /// The guard and a limit on the messages of a subject, which nodes share.
    Shared,
    /// The same, and more is bought after each few messages.
    SharedOften,
    /// The guard and every layer of the workspace.
    Every,
    /// No guard, and a handler that verifies tokens itself: refuses with a status.
    ByHand,
    /// The same, but accepts those that it refuses, to close them with a reason.
    ByHandClose,
    /// The layer for tokens alone, which brings the guard along.
    Token,
    /// The same, in a layer that accepts those that are refused, to close them with a reason.
    TokenClose,
}

impl Side {
    pub(crate) const RATES: [Self; 3] = [Self::Bare, Self::Core, Self::Rate];
    pub(crate) const LAYERS: [Self; 3] = [Self::Bare, Self::Core, Self::Every];

    pub(crate) fn parse(name: &str) -> io::Result<Self> {
        let alone = Part::ALL.into_iter().map(Self::Alone);
        let others = [Self::Layered, Self::ByHand, Self::ByHandClose, Self::Token, Self::TokenClose];
        let others = others.into_iter().chain([Self::Shared, Self::SharedOften]);
        let found = [Self::Bare, Self::Core, Self::Rate, Self::Every].into_iter().chain(others).chain(alone);
        let found = found.into_iter().find(|side| side.name() == name);
        found.ok_or_else(|| io::Error::other(format!("no such side: {name}")))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Layered => "layered",
            Self::Core => "core",
            Self::Rate => "rate",
            Self::Alone(part) => part.name(),
            Self::Shared => "shared",
            Self::SharedOften => "shared-often",
            Self::Every => "every",
            Self::ByHand => "by-hand",
            Self::ByHandClose => "by-hand-close",
            Self::Token => "token",
            Self::TokenClose => "token-close",
        }
    }

    /// What it is compared with: what does the same without the workspace's layers.
    pub(crate) fn beside(self) -> Self {
        match self {
            Self::Token => Self::ByHand,
            Self::TokenClose => Self::ByHandClose,
            _ => Self::Bare,
        }
    }

    /// The path of a handler on whose connections something pings: the handler itself where no layer does.
    pub(crate) fn pinging(self) -> &'static str {
        if self == Self::Bare { "kept" } else { "flush" }
    }

    /// Puts its guard around the routes. Whatever pings does so at that interval.
    pub(crate) fn guard(self, routes: Router, interval: Duration) -> Router {
        match self {
            Self::Bare | Self::ByHand | Self::ByHandClose => routes,
            Self::Layered => routes.layer(Identity::new()),
            Self::Token => routes.layer(parts::tokens()),
            Self::TokenClose => routes.layer(parts::tokens()).layer(CloseLayer::always()),
            Self::Core => routes.layer(GuardLayer::new()),
            Self::Rate => rates(routes),
            Self::Alone(part) => part.alone(routes, interval),
            Self::Shared => shared::guard(routes, 1_000_000),
            Self::SharedOften => shared::guard(routes, 64),
            Self::Every => parts::every(routes, interval),
        }
    }
}

fn rates(routes: Router) -> Router {
    let messages = || MessageRateLayer::per_second(1_000_000_000);
    let bytes = MessageRateLayer::bytes(ByteQuota::per_second(1_000_000_000_000));
    routes.layer(messages()).layer(bytes).layer(messages().per_key(|_| Some("a key")))
}
