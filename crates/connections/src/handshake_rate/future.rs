//! The response to come, and what it says of the credential that the request has shown.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::{
    clock::now,
    refusal::{self, Refusal},
};
use portcullis_quota::Key;

use super::rate::Rate;

pin_project! {
    /// The inner service's response, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct HandshakeRateFuture<F> {
        #[pin]
        future: refusal::ResponseFuture<F>,
        // Whose failure it is, if the request is not a handshake and is not authenticated.
        failure_of: Option<(Arc<Rate>, Key)>,
    }
}

impl<F> HandshakeRateFuture<F> {
    pub(super) fn inner(future: F) -> Self {
        Self { future: refusal::ResponseFuture::inner(future), failure_of: None }
    }

    pub(super) fn watched(future: F, rate: Arc<Rate>, key: Key) -> Self {
        Self { failure_of: Some((rate, key)), ..Self::inner(future) }
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { future: refusal::ResponseFuture::refused(refusal), failure_of: None }
    }
}

impl<F, B, E> Future for HandshakeRateFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // An error of the service says nothing about the credential, so it is not charged.
        let response = ready!(this.future.poll(cx))?;
        if let Some((rate, key)) = this.failure_of.take()
            && response.extensions().get().is_some_and(Refusal::is_failed_authentication)
        {
            rate.fail(key, now());
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for HandshakeRateFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRateFuture").finish_non_exhaustive()
    }
}
