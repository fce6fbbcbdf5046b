//! The future of services that refuse handshakes but do not guard connections.
//!
//! A refusal becomes a response when it is polled and not before: it is counted and logged then, once, and a future
//! that is dropped because the client has disconnected counts nothing.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::Refusal;

pin_project! {
    /// The inner service's response, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F> {
        Inner { #[pin] future: F },
        Refused { refusal: Option<Refusal> },
    }
}

/// For authors of layers; [`refusal::call`](super::call) makes one where that is enough.
impl<F> ResponseFuture<F> {
    /// Returns the inner service's response unchanged.
    #[inline]
    pub fn inner(future: F) -> Self {
        Self { kind: Kind::Inner { future } }
    }

    /// Returns a refusal; the inner service was not called.
    pub fn refused(refusal: Refusal) -> Self {
        Self { kind: Kind::Refused { refusal: Some(refusal) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { future } => future.poll(cx),
            KindProjection::Refused { refusal } => {
                let refusal = refusal.take().expect("a future is not polled after it is ready");
                Poll::Ready(Ok(refusal.into_response()))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
