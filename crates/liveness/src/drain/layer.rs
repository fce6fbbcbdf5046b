//! The layer of a drain, which also keeps track of whether anything is still being served.

use std::sync::Arc;

use tower_layer::Layer;

use super::{served::Served, service::DrainService};

/// Registers connections with a [`Drain`](crate::Drain), and refuses handshakes once it has begun. Created by
/// [`Drain::layer`](crate::Drain::layer).
///
/// Put it directly inside the `CloseLayer`, so that a browser learns why its handshake was refused.
#[derive(Debug, Clone)]
#[must_use]
pub struct DrainLayer {
    served: Arc<Served>,
}

impl DrainLayer {
    pub(super) fn new(served: Arc<Served>) -> Self {
        Self { served }
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = DrainService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DrainService::new(inner, self.served.clone())
    }
}
