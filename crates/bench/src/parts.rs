//! Every layer of the workspace, alone and all of them on one route, with limits that are never reached.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{Extension, Router, extract::Request, middleware::map_request};
use portcullis_close::CloseLayer;
use portcullis_connections::{ClientIpLayer, ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::{
    Connections, GuardLayer,
    identity::{ClientIp, Subject},
};
use portcullis_jwt::JwtLayer;
use portcullis_liveness::{Drain, IdleTimeoutLayer, KeepAliveLayer, MaxAgeLayer, MessageSizeLayer, WriteTimeoutLayer};
use portcullis_origin::OriginLayer;
use portcullis_rate_limit::MessageRateLayer;
use tower::ServiceBuilder;

use crate::{
    credentials::{self, User},
    kept::PATIENCE,
};

const PLENTY: u32 = 1_000_000_000;
const HOUR: Duration = Duration::from_secs(3600);
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Times of the liveness layers are those that users would set, divided by so much.
pub(crate) const FASTER: u32 = 10;

/// A ping every 25 s, as users would have it.
pub(crate) const AS_SET: Duration = Duration::from_secs(25);

/// The same, by the benchmark's clock.
pub(crate) const INTERVAL: Duration = Duration::from_millis(AS_SET.as_secs() * 1000 / FASTER as u64);

/// A layer, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Close,
    Drain,
    Registry,
    ClientIp,
    Origin,
    HandshakeRate,
    Limit,
    Jwt,
    LimitOfSubject,
    RateOfSubject,
    Size,
    KeepAlive,
    Idle,
    MaxAge,
    WriteTimeout,
}

impl Part {
    pub(crate) const ALL: [Self; 15] = [
        Self::Close,
        Self::Drain,
        Self::Registry,
        Self::ClientIp,
        Self::Origin,
        Self::HandshakeRate,
        Self::Limit,
        Self::Jwt,
        Self::LimitOfSubject,
        Self::RateOfSubject,
        Self::Size,
        Self::KeepAlive,
        Self::Idle,
        Self::MaxAge,
        Self::WriteTimeout,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Drain => "drain",
            Self::Registry => "registry",
            Self::ClientIp => "client-ip",
            Self::Origin => "origin",
            Self::HandshakeRate => "handshake-rate",
            Self::Limit => "limit",
            Self::Jwt => "jwt",
            Self::LimitOfSubject => "limit-of-subject",
            Self::RateOfSubject => "rate-of-subject",
            Self::Size => "size",
            Self::KeepAlive => "keepalive",
            Self::Idle => "idle",
            Self::MaxAge => "max-age",
            Self::WriteTimeout => "write-timeout",
        }
    }

    /// The layer within the guard's, behind something that knows where the peer is, and who.
    pub(crate) fn alone(self, routes: Router, interval: Duration) -> Router {
        let routes = self.add(routes, interval);
        // A token says who it is by itself, and a second name would be refused.
        if let Self::Jwt = self { routes.layer(GuardLayer::new()).layer(located()) } else { identified(routes) }
    }

    fn add(self, routes: Router, interval: Duration) -> Router {
        match self {
            Self::Close => routes.layer(CloseLayer::new()),
            Self::Drain => routes.layer(Drain::new().layer()),
            Self::Registry => routes.layer(Connections::new().layer()),
            Self::ClientIp => routes.layer(ClientIpLayer::new()),
            Self::Origin => routes.layer(origins()),
            Self::HandshakeRate => routes.layer(handshakes()),
            Self::Limit => routes.layer(limit()),
            Self::Jwt => routes.layer(tokens()),
            Self::LimitOfSubject => routes.layer(limit_of_subject()),
            Self::RateOfSubject => routes.layer(rate()),
            Self::Size => routes.layer(size()),
            Self::KeepAlive => routes.layer(keep_alive(interval)),
            Self::Idle => routes.layer(IdleTimeoutLayer::new(HOUR)),
            Self::MaxAge => routes.layer(MaxAgeLayer::new(24 * HOUR)),
            Self::WriteTimeout => routes.layer(WriteTimeoutLayer::default()),
        }
    }
}

/// Within the guard's layer, behind something that knows where the peer is, and who.
pub(crate) fn identified(routes: Router) -> Router {
    routes.layer(GuardLayer::new()).layer(map_request(identify))
}

/// All of them.
pub(crate) fn every(routes: Router, interval: Duration) -> Router {
    let layers = ServiceBuilder::new()
        .layer(located())
        .layer(CloseLayer::new())
        .layer(GuardLayer::new())
        .layer(Drain::new().layer())
        .layer(Connections::new().layer())
        .layer(ClientIpLayer::new())
        .layer(origins())
        .layer(handshakes())
        .layer(limit())
        .layer(tokens())
        .layer(limit_of_subject())
        .layer(rate())
        .layer(size())
        .layer(keep_alive(interval))
        .layer(IdleTimeoutLayer::new(HOUR))
        .layer(MaxAgeLayer::new(24 * HOUR))
        .layer(WriteTimeoutLayer::default());
    routes.layer(layers)
}

fn origins() -> OriginLayer {
    OriginLayer::new([credentials::ORIGIN]).expect("it is an origin")
}

fn handshakes() -> HandshakeRateLayer {
    HandshakeRateLayer::per_second(PLENTY).per_client_ip()
}

fn limit() -> ConnectionLimitLayer {
    ConnectionLimitLayer::new().global(1_000_000).per_client_ip(1_000_000)
}

fn limit_of_subject() -> ConnectionLimitLayer {
    ConnectionLimitLayer::new().per_subject(1_000_000)
}

/// The layer for tokens.
pub(crate) fn tokens() -> JwtLayer<User> {
    JwtLayer::new(credentials::verifier())
}

/// The limit on the messages of a subject.
pub(crate) fn rate() -> MessageRateLayer {
    MessageRateLayer::per_second(PLENTY).per_subject()
}

fn size() -> MessageSizeLayer {
    MessageSizeLayer::new(1024 * 1024)
}

fn keep_alive(interval: Duration) -> KeepAliveLayer {
    KeepAliveLayer::new().interval(interval).timeout(PATIENCE)
}

/// Where the peer is, put into each request as `into_make_service_with_connect_info` does.
fn located() -> Extension<SocketAddr> {
    Extension(SocketAddr::new(HERE, 4711))
}

/// And the subject, for layers that would learn it from other layers.
async fn identify(mut request: Request) -> Request {
    request.extensions_mut().insert(SocketAddr::new(HERE, 4711));
    request.extensions_mut().insert(ClientIp(HERE));
    request.extensions_mut().insert(Subject::new("alice"));
    request
}
