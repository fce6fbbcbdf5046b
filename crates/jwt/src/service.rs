//! Acts on the decision: calls the inner service, refuses, or waits for the verification.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{handshake::is_handshake, upgrade};
use tower_service::Service;

use crate::{
    admit::{self, Next},
    future::ResponseFuture,
    settings::Settings,
};

/// The service of [`JwtLayer`](crate::JwtLayer).
pub struct Jwt<S, T> {
    inner: S,
    settings: Arc<Settings<T>>,
}

impl<S, T> Jwt<S, T> {
    pub(crate) fn new(inner: S, settings: Arc<Settings<T>>) -> Self {
        Self { inner, settings }
    }
}

impl<S: Clone, T> Clone for Jwt<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: self.settings.clone() }
    }
}

impl<S, T> fmt::Debug for Jwt<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").finish_non_exhaustive()
    }
}

impl<S, T, ReqBody, ResBody> Service<Request<ReqBody>> for Jwt<S, T>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    T: Send + Sync + 'static,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, T, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if !is_handshake(&parts) {
            return match upgrade::enter(&mut parts) {
                Ok(_) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
                Err(refusal) => ResponseFuture::refused(refusal),
            };
        }
        match admit::begin(&self.settings, &mut parts) {
            Next::Verify(verifying) => {
                // The one that was ready is the one to be called later.
                let next = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, next);
                ResponseFuture::verifying(verifying, ready, parts, body)
            }
            Next::Decided(decision) => {
                ResponseFuture::decided(|| self.inner.call(Request::from_parts(parts, body)), *decision)
            }
        }
    }
}
