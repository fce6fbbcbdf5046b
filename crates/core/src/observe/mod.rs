//! What a server says of its WebSockets: metrics with feature `metrics`, spans and events with feature `tracing`.
//!
//! Without these features nothing here is compiled into a connection.
//!
//! # Metrics
//!
//! They go to whatever recorder the application has installed for the [`metrics`](https://docs.rs/metrics) crate. With
//! feature `metrics`, `describe()` tells that recorder what they mean, and `METRICS` is this table as data.
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
//! - **Handshakes** count once each, however many layers they pass. `upgraded`: the connection came. `refused`: the
//!   reason is the refusal's kind, or `handler` where the response was not of these layers' making; what was accepted
//!   only to be closed is refused too, and appears nowhere else. `failed`: `error` and `panic` of the service inside,
//!   `cancelled` before it had answered, `upgrade` where the connection did not come after the answer. `would_refuse`
//!   counts beside one of these: a layer on report only let it pass. What no layer guards counts where it is refused.
//! - **Plain refusals** are requests that are not handshakes, which layers for all requests refuse, such as a
//!   `JwtLayer`. `would_refuse`: such a layer, on report only, let it pass.
//! - **Connections** live from the upgrade to the end of the closing handshake; so long is their duration.
//! - **Closes** fold codes that are not registered into `3xxx` and `4xxx`, so that no peer fills a set of labels.
//!   `1005` is a close without a code, `1006` an end without a close frame. `by` is who was first: see `EndedBy`.
//! - **Messages and bytes** are what was delivered and sent. They are added when a connection ends, and every 15 s
//!   where a policy looks at the clock anyhow; on a connection without policies, at every 32nd read at most. Nothing is
//!   recorded for a message.
//! - **Violations** are what policies did. `close`, `abort`, `drop` (one for each message or control frame), `delay`,
//!   and `report` for what was let pass on report only. The policy is its [`name`](crate::policy::Policy::name),
//!   `framing` for the rules of RFC 6455, or `first_message` for a connection that was turned away by what it said
//!   first.
//! - **Round trips** are those of the guard's own pings.
//! - **Closing tasks** are the closing handshakes that are being waited for, of which there may be a bounded number.
//!
//! # Spans and events
//!
//! The outermost layer that guards a connection opens a span `websocket` with the fields `id`, `client`, `subject` and
//! `issuer` (where there are several), in which the services inside run, and with `Connection::supervise` the handler.
//! A span that is current around that layer is its parent, and so stays open for as long.
//!
//! - **INFO**: a handshake or a plain request that is refused, a violation, the beginning and the end of a drain.
//!   **DEBUG**: a close.
//! - **ERROR**: what is wired wrongly, such as a limit per client address where no layer has found one. In a release
//!   build it is said nowhere else, for the client reads a bare 500. In a debug build the body of that 500 says it,
//!   too, where the body is axum's (feature `axum`); otherwise, if no subscriber takes this event, it goes to stderr,
//!   once. And why a supervised handler failed, where that is the application's own fault.
//! - **WARN**: what an operator should know in time, such as a server that is nine tenths full; and layers that are
//!   composed in a way that works, but not as it seems to, once for each process, on stderr as above.
//!
//! Of refusals, violations, closes and wrong wiring there are ten events a minute of each kind, and the next says how
//! many were `suppressed`. The target of all events is `portcullis`.

mod aloud;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "tracing")))]
mod delta;
#[cfg(feature = "guard")]
mod enforcement;
#[cfg(feature = "tracing")]
mod events;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "guard")]
mod scope;
#[cfg(all(feature = "guard", not(any(feature = "metrics", feature = "tracing"))))]
mod silent;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "tracing")))]
mod stage;
#[cfg(feature = "metrics")]
mod table;
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "tracing")))]
mod telemetry;
mod tell;
#[cfg(feature = "tracing")]
mod throttle;

#[cfg(all(feature = "guard", not(any(feature = "metrics", feature = "tracing"))))]
pub(crate) use self::silent::{Delta, HandshakeStage, Telemetry};
#[cfg(feature = "metrics")]
pub use self::table::{Kind, Label, METRICS, Metric, describe};
pub use self::tell::warn_once;
pub(crate) use self::tell::{refused, wiring, wiring_unseen, would_refuse};
#[cfg(all(feature = "guard", any(feature = "metrics", feature = "tracing")))]
pub(crate) use self::{delta::Delta, stage::HandshakeStage, telemetry::Telemetry};
#[cfg(feature = "guard")]
pub(crate) use self::{
    enforcement::{Enforcement, FRAMING},
    scope::Scope,
    tell::closing_task,
};
