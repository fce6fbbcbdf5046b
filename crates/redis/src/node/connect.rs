//! A connection to the server, made within a time.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};

/// Connects, and gives up after a time. Who asks on the connection waits as long as he likes: the client crate's own
/// timeout would end a read that blocks.
pub(crate) async fn connect(client: &Client, patience: Duration) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(patience)).set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}
