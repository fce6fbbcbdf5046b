//! Why a handshake was refused, as data.
//!
//! A refusal becomes a response with an HTTP status, and is also stored in the response's extensions. There an outer
//! layer finds it and can render it differently, for example as a close frame for a browser, which cannot read the
//! status.
//!
//! # Kinds
//!
//! Refusals are counted and logged by their [`Kind`], which `CloseLayer::kind` takes as well.
//!
//! | Kind | Status | Code | Whose | Why |
//! | --- | --- | --- | --- | --- |
//! | `wiring` | 500 | 1011 | any layer | layers are composed wrongly: the log says how |
//! | `no_handshake` | 400 | 1008 | extractors | the request is not a WebSocket handshake |
//! | `malformed_handshake` | 400 | 1008 | layers that guard | a `Connection` that does not list `upgrade`, or a key that is not 16 bytes |
//! | `subject_missing` | 403 | 3003 | limits by subject | the client is not signed in, or its token names no subject |
//! | `draining` | 503 | 1012 | `Drain` | the server is shutting down |
//! | `absent_origin` | 403 | 3003 | `OriginLayer` | no `Origin` header where one is needed |
//! | `file_origin` | 403 | 3003 | `OriginLayer` | `Origin: file://`, which is not allowed |
//! | `host_not_allowed` | 403 | 3003 | `OriginLayer` | a host that is not listed |
//! | `invalid_origin` | 403 | 3003 | `OriginLayer` | an `Origin` header that is not an origin |
//! | `null_origin` | 403 | 3003 | `OriginLayer` | `Origin: null`, which is not allowed |
//! | `origin_not_allowed` | 403 | 3003 | `OriginLayer` | a foreign origin |
//! | `repeated_origin` | 403 | 3003 | `OriginLayer` | more than one `Origin` header |
//! | `handshake_rate` | 429 | 1013 | `HandshakeRateLayer` | too many handshakes of one key |
//! | `server_handshake_rate` | 503 | 1013 | `HandshakeRateLayer` | too many handshakes in all |
//! | `authentication_rate` | 429 | 1013 | `HandshakeRateLayer` | too many plain requests of one key failed to authenticate |
//! | `server_full` | 503 | 1013 | `ConnectionLimitLayer` | too many connections in all |
//! | `too_many_connections` | 429 | 1013 | `ConnectionLimitLayer` | too many connections of one key |
//! | `too_many_unauthenticated` | 503 | 1013 | `ConnectionLimitLayer` | too many connections whose subject is unknown |
//! | `limits_unavailable` | 503 | 1013 | limits that nodes share | the store of shared limits cannot be asked now |
//! | `cookie_not_enough` | 403 | 3003 | `JwtLayer` | a cookie alone, with a request that any page may have forged |
//! | `issuer_unavailable` | 503 | 1013 | `JwtLayer` | the token cannot be judged now |
//! | `token_expired` | 401 | 3000 | `JwtLayer` | its time is over |
//! | `token_forbidden` | 403 | 3003 | `JwtLayer` | it is valid, and does not allow this |
//! | `token_invalid` | 401 | 3000 | `JwtLayer` | it is not a token of this server's issuers |
//! | `token_malformed` | 400 | 3000 | `JwtLayer` | the request carries it in a way that no token is carried |
//! | `token_missing` | 401 | 3000 | `JwtLayer` | there is none |
//! | `token_not_yet_valid` | 401 | 3000 | `JwtLayer` | its time has not begun |
//! | `token_revoked` | 401 | 3000 | `JwtLayer` | it was revoked |
//! | `token_used` | 401 | 3000 | `JwtLayer` | it is good for one handshake, and had one |
//!
//! The code is the one with which a `CloseLayer` closes by default; for a refused origin it always sends the status.
//! The code of a `Drain` can be set. [`Kind::ALL`] lists the kinds. Layers of your own create theirs with
//! [`Kind::new`].

mod asked;
mod call;
mod client;
mod future;
mod kind;
mod limit_owner;
mod order;
mod reason;
#[cfg(feature = "axum")]
mod render;

pub(crate) use self::asked::Asked;
pub use self::{
    call::call,
    future::ResponseFuture,
    kind::Kind,
    limit_owner::LimitOwner,
    order::{note_refusing, note_rendering},
    reason::Refusal,
};
