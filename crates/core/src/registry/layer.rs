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
