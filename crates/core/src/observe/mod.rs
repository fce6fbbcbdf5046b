//! What an operator sees of WebSockets: metrics with feature `metrics`, spans and events with feature `tracing`.
//!
//! Without these features nothing here is compiled into a connection.
//!
//! # Metrics
//!
//! They go to whatever recorder the application has installed for the [`metrics`](https://docs.rs/metrics) crate. With
//! feature `metrics`, `describe()` describes them to that recorder, and `METRICS` is this table as data.
//!
//! | Name | Kind | Unit | Labels |
//! | --- | --- | --- | --- |
//! | `portcullis_handshakes_total` | counter | count | `outcome`, `reason` |
//! | `portcullis_plain_refusals_total` | counter | count | `outcome`, `reason` |
//! | `portcullis_connections` | gauge | count | |
//! | `portcullis_closes_total` | counter | count | `code`, `by` |
//! | `portcullis_connection_duration_seconds` | histogram | seconds | |
//! | `portcullis_messages_total` | counter | count | `direction` |
//! | `portcullis_bytes_total` | counter | bytes | `direction` |
//! | `portcullis_violations_total` | counter | count | `policy`, `action` |
//! | `portcullis_round_trip_seconds` | histogram | seconds | |
//! | `portcullis_closing_tasks` | gauge | count | |
//!
//! - **Handshakes** are counted once each, however many layers they pass. `upgraded`: the connection was established.
//!   `refused`: the reason is the refusal's kind, or `handler` if the response came from the handler; a handshake that
//!   was accepted only to be closed counts as refused, and appears nowhere else. `failed`: `error` and `panic` of the
//!   inner service, `cancelled` before it had responded, or `upgrade` if no connection followed the response.
//!   `would_refuse` is counted in addition to one of these, if a layer that only reports has let the handshake pass. A
//!   handshake that no layer guards is counted only if it is refused.
//! - **Plain refusals** are requests other than handshakes that were refused by a layer for all requests, such as a
//!   `JwtLayer`. `would_refuse`: such a layer, which only reports, has let the request pass.
//! - **Connections** live from the upgrade to the end of the closing handshake, which is also their duration.
//! - **Closes** count codes that are not registered as `3xxx` and `4xxx`, so that no peer can create labels. `1005` is
//!   a close without a code, `1006` an end without a close frame. `by` is who closed first: see `EndedBy`.
//! - **Messages and bytes** are those that were delivered and sent. They are added when a connection ends, and every
//!   15 s if a policy reads the clock anyway; on a connection without policies, at every 32nd read at most. Nothing is
//!   recorded for a single message.
//! - **Violations** count what policies did: `close`, `abort`, `drop` (one for each message or control frame), `delay`,
//!   and `report` for what was let pass by a policy that only reports. The policy is identified by its
//!   [`name`](crate::policy::Policy::name), by `framing` for the rules of RFC 6455, or by `first_message` for a
//!   connection that was refused because of its first message.
//! - **Round trips** are those of the guard's own pings.
//! - **Closing tasks** are the closing handshakes under way, whose number is limited.
//!
//! # Spans and events
//!
//! The outermost layer that guards a connection opens a span `websocket` with the fields `id`, `client`, `subject` and,
//! if there are several issuers, `issuer`. The inner services run in this span and, with `Connection::supervise`, the
//! handler does as well. A span that is current around that layer is the parent, and so stays open for as long.
//!
//! - **INFO**: a handshake or a plain request was refused, a policy was violated, a drain has begun or ended.
//!   **DEBUG**: a connection was closed.
//! - **ERROR**: layers are composed wrongly, such as a limit per client address inside no layer that determines the
//!   address. In a release build the reason is logged only, and the client gets a bare 500. In a debug build the body
//!   of that 500 contains it as well if the body is axum's (feature `axum`); otherwise, if no subscriber takes this
//!   event, it is printed to stderr once. Also: a supervised handler failed, and the application is at fault.
//! - **WARN**: what an operator should know in time, such as that a server is nine tenths full; and layers whose
//!   composition works, but not as it seems to, once in a process, and on stderr as above.
//!
//! Refusals, violations, closes and wrong compositions are logged at most ten times a minute for each kind; the next
//! event says how many were `suppressed`. The target of all events is `portcullis`.

mod aloud;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "observer", feature = "tracing")))]
mod delta;
#[cfg(feature = "guard")]
mod describe;
#[cfg(feature = "guard")]
mod enforcement;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "observer")]
mod observer;
#[cfg(feature = "guard")]
mod peer;
mod requests;
#[cfg(feature = "guard")]
mod scope;
#[cfg(all(feature = "guard", not(any(feature = "metrics", feature = "observer", feature = "tracing"))))]
mod silent;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "observer", feature = "tracing")))]
mod stage;
#[cfg(feature = "metrics")]
mod table;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "observer", feature = "tracing")))]
mod telemetry;
#[cfg(feature = "tracing")]
mod throttle;

#[cfg(feature = "guard")]
pub use self::describe::{Describe, Description};
#[cfg(feature = "observer")]
pub(crate) use self::observer::{is_attached, notify};
#[cfg(all(feature = "guard", not(feature = "observer")))]
pub(crate) use self::peer::Peer;
pub use self::requests::warn_once;
pub(crate) use self::requests::{refused, wiring, wiring_unseen, would_refuse};
#[cfg(all(feature = "guard", not(any(feature = "metrics", feature = "observer", feature = "tracing"))))]
pub(crate) use self::silent::{Delta, HandshakeStage, Telemetry};
#[cfg(feature = "metrics")]
pub use self::table::{Kind, Label, METRICS, Metric, describe};
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "observer", feature = "tracing")))]
pub(crate) use self::{delta::Delta, stage::HandshakeStage, telemetry::Telemetry};
#[cfg(feature = "guard")]
pub(crate) use self::{
    enforcement::{Enforcement, FRAMING},
    requests::closing_task,
    scope::Scope,
};
#[cfg(feature = "observer")]
pub use self::{
    observer::{Attached, Event, Observer, attach},
    peer::Peer,
};
