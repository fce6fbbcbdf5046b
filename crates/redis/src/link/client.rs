//! Where the store is, and how a connection to it is made.
//!
//! Each task makes the connection that it needs, and makes another when it broke; there is no pool. One connection
//! carries all questions at once, and more would only lose their order.

#[cfg(feature = "sentinel")]
use std::sync::Arc;
use std::{fmt, io, time::Duration};

#[cfg(feature = "sentinel")]
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, RedisResult};
use tokio::time::timeout;

use super::connection::Link;

/// Where the store is.
#[derive(Clone)]
pub(crate) enum Client {
    /// A server.
    One(Box<redis::Client>),
    /// The server that sentinels name as the primary, whenever a connection is made.
    #[cfg(feature = "sentinel")]
    Sentinel(Arc<tokio::sync::Mutex<SentinelClient>>),
    /// Several servers, each with a part of the keys.
    #[cfg(feature = "cluster")]
    Cluster(Box<redis::cluster::ClusterClient>),
}

impl Client {
    /// Connects, and gives up after a time. Answers have no timeout here: the client crate's own would end a read that
    /// blocks.
    pub(crate) async fn connect(&self, patience: Duration) -> RedisResult<Link> {
        let late = || Err(io::Error::from(io::ErrorKind::TimedOut).into());
        timeout(patience, self.open(patience)).await.unwrap_or_else(|_| late())
    }

    async fn open(&self, patience: Duration) -> RedisResult<Link> {
        // No timeout for answers: reads that wait for messages take as long as they were told to, and all other
        // requests have a deadline of their own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(None);
        Ok(match self {
            Self::One(client) => Link::One(client.get_multiplexed_async_connection_with_config(&config).await?),
            // Asked for each connection, because the primary may be another one since the last.
            #[cfg(feature = "sentinel")]
            Self::Sentinel(client) => Link::One(client.lock().await.get_async_connection_with_config(&config).await?),
            #[cfg(feature = "cluster")]
            Self::Cluster(client) => Link::Cluster(client.get_async_connection().await?),
        })
    }
}

/// What is there holds passwords.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
