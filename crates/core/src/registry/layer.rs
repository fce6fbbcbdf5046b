//! The layer that adds connections to a registry.

use tower_layer::Layer;

use super::{Connections, ConnectionsService};

/// The layer of [`Connections::layer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConnectionsLayer {
    connections: Connections,
}

impl Connections {
    /// Returns a layer that adds every guarded connection to this registry.
    ///
    /// Outside of layers that refuse handshakes, it also lists handshakes that are still under way; inside of them,
    /// only those that were admitted. A connection is removed automatically when its transport has ended.
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use hyper::body::Incoming;
    /// # use tower::{Layer, service_fn};
    /// use portcullis_core::{CloseCode, CloseFrame, Connections, testing::Handshake};
    ///
    /// # async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    /// #     let upgrade = hyper::upgrade::on(&mut request);
    /// #     tokio::spawn(async move {
    /// #         let mut socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
    /// #         tokio::io::copy(&mut socket, &mut tokio::io::sink()).await
    /// #     });
    /// #     let response = Response::builder().status(101).header("connection", "upgrade");
    /// #     Ok(response.header("upgrade", "websocket").body(String::new()).unwrap())
    /// # }
    /// let connections = Connections::new();
    /// let service = connections.layer().layer(service_fn(handler));
    /// let mut client = Handshake::new("/ws").connect(service).await.unwrap();
    /// assert_eq!(connections.count(), 1);
    /// connections.close_where(&CloseFrame::new(CloseCode::GOING_AWAY, "maintenance"), |_| true);
    /// assert_eq!(client.closed().await.unwrap().to_string(), "1001 maintenance");
    /// drop(client);
    /// connections.wait_until_empty().await;
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn layer(&self) -> ConnectionsLayer {
        ConnectionsLayer { connections: self.clone() }
    }
}

impl<S> Layer<S> for ConnectionsLayer {
    type Service = ConnectionsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionsService::new(inner, self.connections.clone())
    }
}
