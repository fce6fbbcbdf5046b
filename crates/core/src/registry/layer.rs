//! The layer that puts connections into a registry.

use tower_layer::Layer;

use super::{Connections, ConnectionsService};

/// The layer of [`Connections::layer`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ConnectionsLayer {
    connections: Connections,
}

impl Connections {
    /// A layer that puts every guarded connection into this registry.
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
