//! The service.

use std::task::{Context, Poll};

use http::{Request, Response};
use portcullis_core::{handshake, upgrade};
use tower_service::Service;

use super::{Drain, ResponseFuture};

/// The service of [`DrainLayer`](super::DrainLayer).
#[derive(Debug, Clone)]
pub struct DrainService<S> {
    inner: S,
    drain: Drain,
}

impl<S> DrainService<S> {
    pub(super) fn new(inner: S, drain: Drain) -> Self {
        Self { inner, drain }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DrainService<S>
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let drain = &self.drain;
        // Before anything is set up for it, as many may be refused.
        if handshake::is_handshake(&request) && drain.has_begun() {
            return ResponseFuture::refused(drain.refuse(&request));
        }
        match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => match drain.admit(guarded.connection()) {
                Some(cut) => ResponseFuture::admitted(self.inner.call(request), guarded, cut, drain.clone()),
                None => ResponseFuture::refused(drain.refuse(&request)),
            },
            Ok(None) => ResponseFuture::inner(self.inner.call(request)),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}
