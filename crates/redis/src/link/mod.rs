//! Connections to the store, whatever it consists of: one server, a primary that sentinels name, or a Redis Cluster.
//!
//! The rest of the crate asks for a connection, and does not know which of these it is. There are three differences
//! that it cannot do without, and each has a name here:
//!
//! - [`Link::is_one`]: with one server, a request and the question which data answers it are answered by the same
//!   server, in the order in which they were sent. In a Redis Cluster they are not.
//! - A connection to one server breaks when the server is gone, and is made anew. One to a Redis Cluster lives on, and
//!   servers are exchanged behind it: [`Primaries`] notices that.
//! - [`describe`] asks one server what it is, or each that has keys.
//!
//! A node has three connections: one for all that handshakes and tasks ask, which is shared by all of them, and one for
//! each of the two reads that block: the inbox, and the stream. Replicas are never read from, as they lag.

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
