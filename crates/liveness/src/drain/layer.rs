//! The layer.

use tower_layer::Layer;

use super::{Drain, DrainService};

/// The layer of [`Drain::layer`]: refuses handshakes once the drain has begun, and knows the connections of those
/// before.
///
/// Stands right inside of `CloseLayer`, so that a browser reads why it was refused.
#[derive(Debug, Clone)]
#[must_use]
pub struct DrainLayer {
    drain: Drain,
}

impl DrainLayer {
    pub(super) fn new(drain: Drain) -> Self {
        Self { drain }
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = DrainService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DrainService::new(inner, self.drain.clone())
    }
}
