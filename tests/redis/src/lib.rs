//! What tests of several nodes have in common: servers of their own, nodes as processes, and a proxy that misbehaves.
//!
//! - [`Server`]: a `redis-server` on a free port, in a folder of its own, ended with the test.
//! - [`Proxy`]: stands between a node and its server, and holds back, delays or cuts what goes through.
//! - [`Process`]: a node that can be killed.
//! - [`Site`]: a node with a server on it.
//! - [`Sharded`]: a Redis Cluster. [`Watched`]: a primary, a replica, and sentinels.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_debug_implementations,
    reason = "what tests call fails by panicking, and is not printed"
)]

mod inside;
mod process;
mod proxy;
mod sentinels;
mod server;
mod sharded;
mod site;
mod tls;

pub use self::{
    inside::{Connection, Inside, SECRET, builder, joined, until},
    process::Process,
    proxy::{Command, Mode, Proxy},
    sentinels::Watched,
    server::Server,
    sharded::Sharded,
    site::{Names, REVOKED, Refused, Site, UNAVAILABLE, USED, Upgraded, Upgrading, connect},
    tls::Certificate,
};
