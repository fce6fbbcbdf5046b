//! A console for operators: who is connected, what was refused and why, and how to close it.
//!
//! An operator on call asks questions that a dashboard does not answer: who holds these nine thousand connections, whom
//! the new limit refuses, whether this user's client is the one that floods, and what happens when it is closed. The
//! console is a page and an API that the application mounts under a path of its own.
//!
//! - It shows what there is already: the registry, what layers count and refuse, their quotas, limits, sessions and
//!   drain, and the store that nodes share. Nothing is measured twice. Without a console, connections keep
//!   nothing for it; with one but no viewer, it counts refusals and closes, and nothing else.
//! - All connections are read once per [interval](Console::interval), on a thread of its own, however many viewers
//!   there are. Each viewer receives one page of them, and only that page is sorted.
//! - There is no default password. A console without an [authorizer](Console::authorize) is not a service. It only
//!   looks, unless [actions are allowed](Console::allow_actions), and each action is logged with the operator's name
//!   (target `portcullis`, INFO).
//! - The page comes from the binary, and its policy allows no script or style that is not part of it. Text that a peer
//!   sent is shown as text.
//! - An action is a `POST` of JSON, from the console's own page or from a client that is not a browser: the rule is
//!   that of [`OriginLayer::plain_requests`](portcullis_origin::OriginLayer::plain_requests).
//! - Everything that a peer controls is bounded: the last hundred refusals and closes, an hour of counts by kind, 128
//!   kinds, 300 characters of a reason. So is what operators can ask for: viewers, rows, the length of a query.
//!
//! **What this does not do**: authenticate operators, or encrypt; the console stands behind what the application has
//! for that. It shows the connections of this node: those of others are on their own consoles, though closes and
//! revocations reach all nodes where the registry and the revocations are shared. Refusals and closes are those of the
//! whole process, as metrics are. What happened before the console was made, or an hour ago, is not there: that is for
//! metrics and logs.
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | who may look | no one: an authorizer must be set |
//! | actions | none |
//! | subjects and addresses | are shown |
//! | actions from pages | of the console's own origin |
//! | update | once a second |
//! | viewers at once | 8 |
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
//!     .authorize(|parts| parts.extensions.get::<Operator>().cloned()); // as a login layer outside has found out
//! let app: Router = Router::new().nest_service("/console", console);
//! # let _ = app;
//! # }
//! ```
//!
//! # The API
//!
//! All that the page shows, it reads here. Paths are below the console's own; times are in milliseconds since 1970
//! (`_at_ms`) or in milliseconds (`_ms`); what is not known is `null`. Errors are `{"error": "…"}`.
//!
//! | Request | What it answers |
//! | --- | --- |
//! | `GET api/summary` | how many are connected, what passes in a second, drain, cluster, limits, who holds the most |
//! | `GET api/connections` | a page of connections |
//! | `GET api/refusals` | counts of each minute of the last hour, and the last hundred of each, with their reasons |
//! | `GET api/limits` | limits on connections, how full they are, and where the high-water mark is |
//! | `GET api/events` | server-sent events: `update` (`summary` and `connections`) each interval, `history` (as `api/refusals`) when something happened |
//! | `POST api/close` | closes connections |
//! | `POST api/revoke` | revokes tokens, and closes the connections that they authenticated |
//! | `POST api/drain` | starts the drain: `{}` |
//!
//! `api/connections` and `api/events` take a query, and refuse one that they do not understand:
//!
//! | Parameter | Meaning |
//! | --- | --- |
//! | `search` | part of a subject, an issuer or an address, or an id |
//! | `subject`, `client_ip`, `state` | exactly this subject, address, or `opening`, `open` or `closing` |
//! | `sort` | `age` (the default), `subject`, `client_ip`, `state`, `messages_in`, `messages_out`, `bytes_in`, `bytes_out`, `round_trip`, `quota_left`, `expires_at` |
//! | `order` | `desc` (the default) or `asc`; what has no value comes last |
//! | `offset`, `limit` | which of the matches: from 0, 50 of them; 200 at most |
//!
//! Messages and bytes are sorted by what passes in a second (`per_second`), which is known from the second look on.
//!
//! `api/close` takes one of `connection` (an id, with `node` for that of another node), `subject` (with `issuer` where
//! there are several), `subject_of` (an id: all connections of that one's subject), `client_ip` and `client_ip_of`; a
//! close `code`, 1008 by default; and a `reason`. `api/revoke` takes one of `subject`, `subject_of` and `token` (the
//! `jti`), with `issuer`. Both answer how many connections of this node are `closed`, and, where nodes share commands,
//! whether the others are `told`.
//!
//! ```text
//! curl -H 'authorization: …' 'https://chat.example/console/api/connections?subject=alice&limit=5'
//! curl -H 'authorization: …' -N 'https://chat.example/console/api/events?sort=messages_in'
//! curl -H 'authorization: …' -H 'content-type: application/json' \
//!      -d '{"subject": "alice", "reason": "your client floods"}' 'https://chat.example/console/api/close'
//! ```
//!
//! A stream of events ends after five minutes, so that its viewer is authorized anew; browsers connect again by
//! themselves, scripts should.

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
