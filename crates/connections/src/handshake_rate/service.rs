//! Lets a handshake in if it comes in time, and a plain request unless too many have failed.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{clock::now, handshake::is_handshake, refusal::note_refusing};
use tower_service::Service;

use super::{
    admit::{admit, admit_plain},
    future::HandshakeRateFuture,
    rate::Rate,
    settings::Settings,
};

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
    type Future = HandshakeRateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        note_refusing(&mut parts);
        let admitted = if is_handshake(&parts) {
            admit(&self.settings, &self.rate, &parts, now()).map(|()| None)
        } else {
            admit_plain(&self.settings, &self.rate, &parts, now())
        };
        let key = match admitted {
            Ok(key) => key,
            Err(refusal) => return HandshakeRateFuture::refused(refusal.answering(&parts)),
        };
        let future = self.inner.call(Request::from_parts(parts, body));
        match key {
            Some(key) => HandshakeRateFuture::watched(future, self.rate.clone(), key),
            None => HandshakeRateFuture::inner(future),
        }
    }
}
