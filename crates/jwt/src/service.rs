//! Acts on the decision: calls the inner service, refuses, or waits for the verification.
//!
//! If the verification is ready at the first poll, which it is unless keys have to be fetched, the inner service is
//! called here and now, and nothing is cloned. Otherwise its clone stays, and the one that was polled ready goes into
//! the future: its `poll_ready` may have reserved a place.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::handshake::is_handshake;
use tower_service::Service;

use crate::{
    admit::{self, Next},
    future::ResponseFuture,
    settings::Settings,
};

/// The service of [`JwtLayer`](crate::JwtLayer).
pub struct JwtService<S, T> {
    inner: S,
    settings: Arc<Settings<T>>,
}

impl<S, T> JwtService<S, T> {
    pub(crate) fn new(inner: S, settings: Arc<Settings<T>>) -> Self {
        Self { inner, settings }
    }
}

impl<S: Clone, T> JwtService<S, T> {
    /// The one that was ready is the one to be called later.
    fn ready(&mut self) -> S {
        let next = self.inner.clone();
        std::mem::replace(&mut self.inner, next)
    }
}

impl<S: Clone, T> Clone for JwtService<S, T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: self.settings.clone() }
    }
}

impl<S, T> fmt::Debug for JwtService<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtService").finish_non_exhaustive()
    }
}

impl<S, T, ReqBody, ResBody> Service<Request<ReqBody>> for JwtService<S, T>
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
            return match admit::plain(&self.settings, &mut parts) {
                Ok(None) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
                Ok(Some(verifying)) => ResponseFuture::verifying(verifying, self.ready(), parts, body),
                Err(refusal) => ResponseFuture::refused(refusal),
            };
        }
        match admit::begin(&self.settings, &mut parts) {
            Next::Verify(verifying) => ResponseFuture::verifying(verifying, self.ready(), parts, body),
            Next::Decided(decision) => {
                ResponseFuture::decided(|| self.inner.call(Request::from_parts(parts, body)), decision)
            }
        }
    }
}
