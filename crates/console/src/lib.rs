//! A console for operators: who is connected, what was refused and why, and how to close connections.
//!
//! An operator on call has questions that a dashboard does not answer: who holds these nine thousand connections,
//! which clients the new limit refuses, whether this user's client is the one that floods, and what happens when it is
//! closed. The console is a page and an API that the application mounts under a path of its choice.
//!
//! - It shows existing state: the registry, what layers count and refuse, their quotas, limits, sessions and drain, and
//!   the store that nodes share. Nothing is measured twice. Without a console, connections keep nothing for it; with a
//!   console but no viewer, only refusals and closes are counted.
//! - All connections are read once per [interval](Console::interval), on a blocking thread, however many viewers there
//!   are. Each viewer receives one page of them, and only that page is sorted.
//! - There is no default password. A console without an [authorizer](Console::authorize) is not a service. It is
//!   read-only unless [actions are allowed](Console::allow_actions), and each action is logged with the operator's name
//!   (target `portcullis`, INFO).
//! - The page is embedded in the binary, and its content security policy allows only its own scripts and styles. Text
//!   that a peer sent is shown as text.
//! - An action is a `POST` of JSON, from the console's own page or from a client that is not a browser: the rule is
//!   that of [`OriginLayer::plain_requests`](portcullis_origin::OriginLayer::plain_requests).
//! - An authorizer that relies on the client's address also admits a page of another site if an attacker's DNS resolves
//!   its name to this server (DNS rebinding). It needs a list of [hosts](Console::origin).
//! - Everything that a peer controls is bounded: the last hundred refusals and closes, an hour of counts by kind, 128
//!   kinds, 300 characters of a reason. So is what operators can request: viewers, rows, the length of a query.
//!
//! **What this does not do**: authenticate operators, or encrypt; mount the console behind whatever the application
//! uses for that. It shows the connections of this node only: those of other nodes are on their own consoles, though
//! closes and revocations reach all nodes where the registry and the revocations are shared. Refusals and closes are
//! those of the whole process, as in metrics. Anything older than an hour, or than the console itself, is a matter for
//! metrics and logs.
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | access | none: an authorizer must be set |
//! | actions | not allowed |
//! | subjects and addresses | shown in full |
//! | origins of actions | the console's own |
//! | update interval | one second |
//! | concurrent viewers | 8 |
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::Router;
//! use portcullis_console::{Console, Operator};
//! use portcullis_core::Connections;
//!
//! let connections = Connections::new();
//! let console = Console::new(connections.clone())
//!     .allow_actions()
//!     .authorize(|parts| parts.extensions.get::<Operator>().cloned()); // set by a login layer outside
//! let app: Router = Router::new().nest_service("/console", console);
//! # let _ = app;
//! # }
//! ```
//!
//! # The API
//!
//! The page reads everything it shows from this API. Paths are relative to the console's own; points in time are in
//! milliseconds since 1970 (`_at_ms`), durations in milliseconds (`_ms`); unknown values are `null`. Errors are
//! `{"error": "…"}`.
//!
//! | Request | Response |
//! | --- | --- |
//! | `GET api/summary` | the number of connections, traffic per second, drain, cluster, limits, largest holders |
//! | `GET api/connections` | a page of connections |
//! | `GET api/refusals` | counts for each minute of the last hour, and the last hundred of each with their reasons |
//! | `GET api/limits` | limits on connections, how full they are, and their high-water marks |
//! | `GET api/events` | server-sent events: `update` (`summary` and `connections`) each interval, `history` (as `api/refusals`) when something happened |
//! | `POST api/close` | closes connections |
//! | `POST api/revoke` | revokes tokens and closes the connections they authenticated |
//! | `POST api/drain` | starts the drain: `{}` |
//!
//! `api/connections` and `api/events` take a query, and refuse unknown parameters and invalid values:
//!
//! | Parameter | Meaning |
//! | --- | --- |
//! | `search` | part of a subject, an issuer or an address, or an id |
//! | `subject`, `client_ip`, `state` | exactly this subject, address, or `opening`, `open` or `closing` |
//! | `sort` | `age` (the default), `subject`, `client_ip`, `state`, `messages_in`, `messages_out`, `bytes_in`, `bytes_out`, `round_trip`, `quota_left`, `expires_at` |
//! | `order` | `desc` (the default) or `asc`; connections without a value come last |
//! | `offset`, `limit` | the range of matches: from 0, 50 by default, 200 at most |
//!
//! Messages and bytes are sorted by their rate (`per_second`), which is known from the second snapshot on.
//!
//! `api/close` takes one of `connection` (an id, with `node` if it is on another node), `subject` (with `issuer` where
//! there are several), `subject_of` (a connection's id: all connections of its subject), `client_ip` and
//! `client_ip_of`; a close `code`, 1008 by default; and a `reason`. `api/revoke` takes one of `subject`, `subject_of`
//! and `token` (the `jti`), with `issuer`. Both return how many connections of this node are `closed` and, where nodes
//! share commands, whether the others were `notified`.
//!
//! ```text
//! curl -H 'authorization: …' 'https://chat.example/console/api/connections?subject=alice&limit=5'
//! curl -H 'authorization: …' -N 'https://chat.example/console/api/events?sort=messages_in'
//! curl -H 'authorization: …' -H 'content-type: application/json' \
//!      -d '{"subject": "alice", "reason": "your client floods"}' 'https://chat.example/console/api/close'
//! ```
//!
//! An event stream ends after five minutes. Browsers reconnect by themselves; scripts should, too. Every ten seconds
//! the authorizer is asked again with the parts of the request that opened the stream, which ends if it returns `None`.
//! So let it look the session up: what an outer layer has put into the extensions does not change for five minutes.

#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
mod answer;
mod assets;
mod body;
mod console;
mod events;
mod history;
mod mask;
mod operator;
mod respond;
mod route;
mod service;
mod settings;
mod snapshot;
mod state;
mod view;

pub use crate::{
    body::ConsoleBody,
    console::Console,
    operator::{Authorized, Operator, Unauthorized},
    service::ResponseFuture,
};

/// The example of the README, compiled.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
