//! How the layers work together: their order, their limits, what clients see, and how to run a server.
//!
//! | Page | Question |
//! | --- | --- |
//! | [`order`] | In which order do layers stand, and why? |
//! | [`plain_requests`] | What happens to requests that are not handshakes? |
//! | [`identities`] | How is a client identified? |
//! | [`limits`] | Which limits does a server need, and how large should they be? |
//! | [`close_codes`] | What does each close code mean, and how do clients react? |
//! | [`reconnecting`] | What does a well-behaved client look like? |
//! | [`libraries`] | Which WebSocket libraries and servers does this work with, and where does the layer go? |
//! | [`proxies`] | What changes behind nginx or a load balancer? |
//! | [`tls`] | Where to terminate TLS, and what does HTTP/2 need? |
//! | [`deploying`] | How is a server replaced without losing clients? |
//! | [`observing`] | Which metrics and events are there, and what should page an operator? |
//! | [`console`] | Who is connected, what was refused, and how are connections closed by hand? |
//! | [`testing`] | How is a guarded application tested? |
//! | [`several_nodes`] | How do several servers share limits? |
//! | [`threat_model`] | Which attacks are stopped, by which layer, and with which defaults? |
//! | [`troubleshooting`] | What does this log message mean? |
//! | [`other_servers`] | What do other servers let through, and what do they cost? |
//! | [`coming_from`] | What is the equivalent of a feature of another server? |
//!
//! This module exists only in the documentation.
//!
//! The pages are files in `docs/guide`, so that they can be read in the repository as well. Their examples are compiled
//! and run with those of the code, and tests hold their tables against it: metrics, close codes, refusals and log
//! messages.

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

/// Coming from another server: its features and their equivalents here.
///
/// Each row refers to a line of an example or a test that shows it in use.
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
