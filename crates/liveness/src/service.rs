//! The service of all layers in this crate: each layer only supplies a policy.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use portcullis_core::{
    policy::{Policy, ReportOnly},
    upgrade::{self, ResponseFuture},
};
use tower_service::Service;

/// What each layer does for a handshake.
pub trait Watch {
    /// Removes from the handshake what the handler must not agree to.
    fn prepare(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// Creates the policy of one connection. Policies share the layer, because connections are many.
    fn policy(self: &Arc<Self>) -> Box<dyn Policy>;
}

/// Boxes a policy, wrapped if it only reports.
pub(crate) fn reported(policy: impl Policy, report_only: bool) -> Box<dyn Policy> {
    if report_only { Box::new(ReportOnly::new(policy)) } else { Box::new(policy) }
}

/// The service of this crate's layers.
#[derive(Debug, Clone)]
pub struct LivenessService<S, L> {
    inner: S,
    layer: Arc<L>,
}

impl<S, L> LivenessService<S, L> {
    pub(crate) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer: Arc::new(layer) }
    }
}

impl<S, L, ReqBody, ResBody> Service<Request<ReqBody>> for LivenessService<S, L>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    L: Watch,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::enforce(&mut self.inner, request, |_, headers| {
            self.layer.prepare(headers);
            Some(self.layer.policy())
        })
    }
}

/// Implements [`tower_layer::Layer`] for a layer of this crate.
macro_rules! layer {
    ($layer:ty) => {
        impl<S> tower_layer::Layer<S> for $layer {
            type Service = crate::service::LivenessService<S, $layer>;

            fn layer(&self, inner: S) -> Self::Service {
                crate::service::LivenessService::new(inner, self.clone())
            }
        }
    };
}
pub(crate) use layer;
