//! Lets a handshake in if it comes in time; everything else passes.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    clock::now,
    refusal::{self, ResponseFuture},
};
use tower_service::Service;

use super::{admit::admit, rate::Rate, settings::Settings};

/// The service of [`HandshakeRateLayer`](crate::HandshakeRateLayer).
#[derive(Debug, Clone)]
pub struct HandshakeRate<S> {
    inner: S,
    settings: Settings,
    rate: Arc<Rate>,
}

impl<S> HandshakeRate<S> {
    pub(super) fn new(inner: S, settings: Settings, rate: Arc<Rate>) -> Self {
        Self { inner, settings, rate }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HandshakeRate<S>
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
        refusal::call(&mut self.inner, request, |parts| admit(&self.settings, &self.rate, parts, now()))
    }
}
