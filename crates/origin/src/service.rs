//! Refuses requests of foreign origins.
//!
//! The service only switches on the decision of `policy` and `plain`: a refused request never reaches the inner
//! service.

use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::refusal::{self, ResponseFuture};
use tower_service::Service;

use crate::layer::OriginLayer;

/// The service of [`OriginLayer`].
#[derive(Debug, Clone)]
pub struct OriginService<S> {
    inner: S,
    layer: OriginLayer,
}

impl<S> OriginService<S> {
    pub(crate) fn new(inner: S, layer: OriginLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for OriginService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        refusal::note_refusing(&mut parts);
        match self.layer.judge(&mut parts) {
            Ok(()) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
            Err(refusal) => ResponseFuture::refused(refusal.answering(&parts)),
        }
    }
}
