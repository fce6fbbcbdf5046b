//! Puts a drain around a service, and notes that there is something to drain.

use std::sync::Arc;

use tower_layer::Layer;

use super::{served::Served, service::DrainService};

/// The layer of [`Drain::layer`](crate::Drain::layer): refuses handshakes once the drain has begun, and knows the
/// connections of those before.
///
/// Stands right inside of `CloseLayer`, so that a browser reads why it was refused.
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
