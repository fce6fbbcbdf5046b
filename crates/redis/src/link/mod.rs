//! Connections to the store, whatever it consists of: one server, a primary that sentinels name, or a Redis Cluster.
//!
//! The rest of the crate asks for a connection, and does not know which of these it is.

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
