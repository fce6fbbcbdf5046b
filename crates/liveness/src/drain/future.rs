//! Waits for the answer to a handshake, and refuses it where the drain's deadline passes first.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;
use portcullis_core::{
    refusal::Refusal,
    upgrade::{self, Guarded},
};
use tokio::sync::futures::OwnedNotified;

use super::settings::Settings;

pin_project! {
    /// The inner service's response, or a refusal: at once, or when the drain's deadline passes over a handshake.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: upgrade::ResponseFuture<F>,
        #[pin]
        cut: Option<OwnedNotified>,
        settings: Option<Arc<Settings>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn inner(future: F) -> Self {
        Self::of(upgrade::ResponseFuture::inner(future))
    }

    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::of(upgrade::ResponseFuture::refused(refusal))
    }

    pub(super) fn admitted(future: F, guarded: Guarded, cut: OwnedNotified, settings: Arc<Settings>) -> Self {
        let future = upgrade::ResponseFuture::guarded(future, guarded, None);
        Self { future, cut: Some(cut), settings: Some(settings) }
    }

    fn of(future: upgrade::ResponseFuture<F>) -> Self {
        Self { future, cut: None, settings: None }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(response) = this.future.as_mut().poll(cx) {
            return Poll::Ready(response);
        }
        let (Some(cut), Some(settings)) = (this.cut.as_mut().as_pin_mut(), &*this.settings) else {
            return Poll::Pending;
        };
        if cut.poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.future.as_mut().refuse(settings.refusal());
        this.cut.set(None);
        this.future.poll(cx)
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
