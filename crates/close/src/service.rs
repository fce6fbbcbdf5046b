//! Reads what decides about the response while the handshake passes, and hands its upgrade to the future.
//!
//! The future needs both the handshake, which the request takes with it, and the means to accept it, which a layer
//! inside may have used. So the headers that matter are copied here, and the upgrade is intercepted whether or not it
//! will be needed.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{handshake::is_handshake, observe, refusal::note_rendering, upgrade};
use tower_service::Service;

use crate::{accept::Handshake, future::ResponseFuture, settings::Settings};

const INSIDE: &str = "`CloseLayer` stands inside of layers that refuse handshakes: what they refuse is a bare status, of \
                      which a browser shows its page 1006 and no reason. Put it outermost";

/// The service of [`CloseLayer`](crate::CloseLayer).
#[derive(Debug, Clone)]
pub struct CloseService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> CloseService<S> {
    pub(crate) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CloseService<S>
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
        // Any other request than a handshake loses its `OnUpgrade`, as it does in every layer that guards.
        let guarded = match upgrade::intercept(&mut parts) {
            Ok(guarded) => guarded,
            Err(refusal) => return ResponseFuture::refused(refusal.answering(&parts)),
        };
        let handshake = (guarded.is_some() || is_handshake(&parts)).then(|| Handshake::of(&parts));
        if handshake.is_some() && !note_rendering(&mut parts) {
            observe::warn_once(INSIDE);
        }
        let request = Request::from_parts(parts, body);
        let future = match &guarded {
            Some(guarded) => guarded.in_span(|| self.inner.call(request)),
            None => self.inner.call(request),
        };
        match handshake {
            Some(handshake) => ResponseFuture::handshake(future, handshake, guarded, self.settings.clone()),
            None => ResponseFuture::inner(future),
        }
    }
}
