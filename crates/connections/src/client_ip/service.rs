//! Puts the client's address into requests, in place of what others have put there.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::refusal::ResponseFuture;
use tower_service::Service;

use super::settings::Settings;

/// The service of [`ClientIpLayer`](crate::ClientIpLayer).
#[derive(Debug, Clone)]
pub struct ClientIpService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> ClientIpService<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ClientIpService<S>
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
        match self.settings.set_client_ip(&mut parts) {
            Ok(()) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}
