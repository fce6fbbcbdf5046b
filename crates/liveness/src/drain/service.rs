//! Refuses handshakes once the drain has begun, and registers the connections of those before.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{handshake, refusal::note_refusing, upgrade};
use tower_service::Service;

use super::{future::DrainFuture, served::Served};

/// The service of [`DrainLayer`](crate::DrainLayer).
#[derive(Debug, Clone)]
pub struct DrainService<S> {
    inner: S,
    served: Arc<Served>,
}

impl<S> DrainService<S> {
    pub(super) fn new(inner: S, served: Arc<Served>) -> Self {
        Self { inner, served }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DrainService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DrainFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let Self { inner, served } = self;
        let (state, settings) = (&served.0, served.0.settings());
        // Before anything is set up for it, as many may be refused.
        if state.is_started() {
            let (parts, body) = request.into_parts();
            if handshake::is_handshake(&parts) {
                state.turn_away(&parts);
                return DrainFuture::refused(settings.refusal());
            }
            request = Request::from_parts(parts, body);
        }
        let mut cut = None;
        let future = upgrade::call(inner, request, |guarded, parts| {
            note_refusing(parts);
            cut = state.admit(guarded.connection());
            if cut.is_none() {
                state.turn_away(parts);
                return Err(settings.refusal());
            }
            Ok(None)
        });
        DrainFuture::new(future, cut, settings)
    }
}
