//! Connections to the store, whatever it consists of: one server, a primary that sentinels name, or a Redis Cluster.

mod client;
mod connection;
mod primaries;
#[cfg(feature = "cluster")]
mod topology;

pub(crate) use self::{
    client::Client,
    connection::Link,
    primaries::{Primaries, describe},
};
