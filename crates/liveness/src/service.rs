//! The service of all layers here.

use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use portcullis_core::{
    policy::Policy,
    upgrade::{self, ResponseFuture},
};
use tower_service::Service;

/// What a layer does for a handshake.
pub trait Watch {
    /// Takes out of the handshake what the handler must not agree to.
    fn prepare(&self, headers: &mut HeaderMap) {
        let _ = headers;
    }

    /// What is enforced on the connection.
    fn policy(&self) -> Box<dyn Policy>;
}

/// The service of this crate's layers.
#[derive(Debug, Clone)]
pub struct Watched<S, L> {
    inner: S,
    layer: L,
}

impl<S, L> Watched<S, L> {
    pub(crate) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<S, L, ReqBody, ResBody> Service<Request<ReqBody>> for Watched<S, L>
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => {
                self.layer.prepare(request.headers_mut());
                ResponseFuture::guarded(self.inner.call(request), guarded, self.layer.policy())
            }
            Ok(None) => ResponseFuture::inner(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}

/// The layer, and the service that stands behind it.
macro_rules! layer {
    ($layer:ty) => {
        impl<S> tower_layer::Layer<S> for $layer {
            type Service = crate::service::Watched<S, $layer>;

            fn layer(&self, inner: S) -> Self::Service {
                crate::service::Watched::new(inner, self.clone())
            }
        }
    };
}
pub(crate) use layer;
