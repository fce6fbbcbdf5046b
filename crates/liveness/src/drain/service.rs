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
        let Self { inner, drain } = self;
        // Before anything is set up for it, as many may be refused.
        if handshake::is_handshake(&request) && drain.has_begun() {
            drain.state.turn_away(&request);
            return ResponseFuture::refused(drain.refusal());
        }
        let guarded = match upgrade::enter(&mut request) {
            Ok(Some(guarded)) => guarded,
            Ok(None) => return ResponseFuture::inner(inner.call(request)),
            Err(refusal) => return ResponseFuture::refused(refusal),
        };
        let Some(cut) = drain.state.admit(guarded.connection()) else {
            drain.state.turn_away(&request);
            return ResponseFuture::refused(drain.refusal());
        };
        ResponseFuture::admitted(guarded.run(|| inner.call(request)), guarded, cut, drain.clone())
    }
}
