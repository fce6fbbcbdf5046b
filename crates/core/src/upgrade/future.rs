//! The future of a layer that guards: when the response is there, the handshake is completed or has failed.
//!
//! Futures of several layers are nested, and complete from the inside out. Each installs its policy outside of those
//! before; the one that has set the connection up comes last and lets it begin. An error of the inner service, or the
//! drop of this future because the client has disconnected, drops the handshake instead, and with it everything that
//! the connection held.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use super::GuardedHandshake;
use crate::{
    policy::Policy,
    refusal::{self, Refusal},
};

pin_project! {
    /// The response of a service whose connection is guarded, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: refusal::ResponseFuture<F>,
        guarded: Option<(GuardedHandshake, Option<Box<dyn Policy>>)>,
    }
}

/// For authors of layers; [`upgrade::call`](super::call()) makes one where that is enough.
impl<F> ResponseFuture<F> {
    /// Returns the inner service's response unchanged.
    #[inline]
    pub fn inner(future: F) -> Self {
        Self { future: refusal::ResponseFuture::inner(future), guarded: None }
    }

    /// Returns the inner service's response. If it is an upgrade, the policy is installed on the connection.
    #[inline]
    pub fn guarded(future: F, guarded: GuardedHandshake, policy: impl Into<Option<Box<dyn Policy>>>) -> Self {
        let policy = policy.into();
        if policy.is_some() {
            guarded.connection.inner().propose_policy();
        }
        // Most layers guard by what they did with the request, or by a policy.
        let left = policy.is_some() || !guarded.is_done();
        Self { future: refusal::ResponseFuture::inner(future), guarded: left.then_some((guarded, policy)) }
    }

    /// Returns a refusal. The inner service was not called.
    pub fn refused(refusal: Refusal) -> Self {
        Self { future: refusal::ResponseFuture::refused(refusal), guarded: None }
    }

    /// Refuses the handshake if the inner service has not responded yet.
    pub fn refuse(self: Pin<&mut Self>, refusal: Refusal) {
        self.project().future.set(refusal::ResponseFuture::refused(refusal));
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.guarded {
            Some((guarded, _)) => guarded.in_span(|| this.future.poll(cx)),
            None => this.future.poll(cx),
        };
        // Looked at where it is: a response is some hundred bytes, and passes through each layer.
        if let Poll::Ready(response) = &polled
            && let Some((guarded, policy)) = this.guarded.take()
        {
            match response {
                Ok(response) => guarded.complete(response, policy),
                Err(_) => guarded.failed(),
            }
        }
        polled
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
