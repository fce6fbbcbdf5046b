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
use portcullis_core::{refusal::Refusal, upgrade};
use tokio::sync::futures::OwnedNotified;

use super::settings::Settings;

pin_project! {
    /// The inner service's response, or a refusal: at once, or when the drain's deadline passes over a handshake.
    #[must_use = "futures do nothing unless polled"]
    pub struct DrainFuture<F> {
        #[pin]
        future: upgrade::ResponseFuture<F>,
        #[pin]
        cut: Option<OwnedNotified>,
        settings: Option<Arc<Settings>>,
    }
}

impl<F> DrainFuture<F> {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self { future: upgrade::ResponseFuture::refused(refusal), cut: None, settings: None }
    }

    /// `cut` wakes when a handshake has run out of time.
    pub(super) fn new(future: upgrade::ResponseFuture<F>, cut: Option<OwnedNotified>, settings: Arc<Settings>) -> Self {
        let settings = cut.is_some().then_some(settings);
        Self { future, cut, settings }
    }
}

impl<F, B, E> Future for DrainFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let polled = this.future.as_mut().poll(cx);
        if polled.is_ready() {
            return polled;
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

impl<F> fmt::Debug for DrainFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DrainFuture").finish_non_exhaustive()
    }
}
