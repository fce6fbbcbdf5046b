//! How the layers work together: what to put where, how to size it, what clients make of it, and how to run it.
//!
//! | Page | What it answers |
//! | --- | --- |
//! | [`order`] | Which layer stands outside of which, and why? |
//! | [`plain_requests`] | What happens to requests that are not handshakes? |
//! | [`identities`] | Who is the client, and how do layers learn that? |
//! | [`limits`] | Which limits does a server need, and how large are they? |
//! | [`close_codes`] | Which code says what, and what do clients do about it? |
//! | [`reconnecting`] | What does a well-behaved client look like? |
//! | [`libraries`] | Which WebSocket libraries and servers does this work with, and where does the layer stand? |
//! | [`proxies`] | What changes behind nginx or a load balancer? |
//! | [`tls`] | Where does TLS end, and what must HTTP/2 be told? |
//! | [`deploying`] | How is a server replaced without losing anyone? |
//! | [`observing`] | Which metrics and events are there, and what should wake an operator? |
//! | [`console`] | Who is connected, what was refused, and how is it closed by hand? |
//! | [`testing`] | How is a guarded application tested? |
//! | [`several_nodes`] | How do several servers share their limits? |
//! | [`threat_model`] | What is every attack, its default, and how is that changed? |
//! | [`troubleshooting`] | What does this sentence in the log mean? |
//! | [`other_servers`] | What do other servers let through, and what do they cost? |
//! | [`coming_from`] | Where is the feature of the server that I know? |
//!
//! This module exists in the documentation alone.

#[doc = include_str!("../docs/guide/order.md")]
pub mod order {}

#[doc = include_str!("../docs/guide/plain_requests.md")]
pub mod plain_requests {}

#[doc = include_str!("../docs/guide/identities.md")]
pub mod identities {}

#[doc = include_str!("../docs/guide/limits.md")]
pub mod limits {}

#[doc = include_str!("../docs/guide/close_codes.md")]
pub mod close_codes {}

#[doc = include_str!("../docs/guide/reconnecting.md")]
///
/// ```js
#[doc = include_str!("../docs/reconnect.js")]
/// ```
pub mod reconnecting {}

#[doc = include_str!("../docs/guide/libraries.md")]
pub mod libraries {}

#[doc = include_str!("../docs/guide/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/guide/tls.md")]
pub mod tls {}

#[doc = include_str!("../docs/guide/deploying.md")]
pub mod deploying {}

#[doc = include_str!("../docs/guide/observing.md")]
pub mod observing {}

#[doc = include_str!("../docs/guide/console.md")]
pub mod console {}

#[doc = include_str!("../docs/guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/guide/several_nodes.md")]
pub mod several_nodes {}

#[doc = include_str!("../docs/guide/threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("../docs/guide/other_servers.md")]
pub mod other_servers {}

#[doc = include_str!("../docs/guide/troubleshooting.md")]
pub mod troubleshooting {}

/// Coming from another server: the feature there, and the line here.
///
/// Each row names a line of an example, or a test, that shows it at work.
pub mod coming_from {
    #[doc = include_str!("../docs/guide/coming_from/python_websockets.md")]
    pub mod python_websockets {}

    #[doc = include_str!("../docs/guide/coming_from/fastapi.md")]
    pub mod fastapi {}

    #[doc = include_str!("../docs/guide/coming_from/socket_io.md")]
    pub mod socket_io {}

    #[doc = include_str!("../docs/guide/coming_from/tornado.md")]
    pub mod tornado {}

    #[doc = include_str!("../docs/guide/coming_from/raw_sockets.md")]
    pub mod raw_sockets {}
}
