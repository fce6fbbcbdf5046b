//! The future of a layer that may have to wait before it decides.
//!
//! A decision that is made at once costs what `call` costs: no box, and no clone of the service. Only a layer that asks
//! a store or an issuer pays for waiting. The service that was polled ready is the one that is called, whichever of the
//! two it is: `poll_ready` may have reserved a place in it, which a clone does not have.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use pin_project_lite::pin_project;

use crate::{decision::Decision, refusal::Refusal};

/// Whether a handshake goes on.
pub type AdmissionVerdict = Decision<Result<(), Refusal>>;

pin_project! {
    /// The response to come, of the kind `F`, once the handshake is decided about.
    #[must_use = "futures do nothing unless polled"]
    pub struct Deciding<S, B, F> {
        #[pin]
        state: State<S, B, F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, F> {
        // Boxed, so that a future that does not wait is no larger for it.
        Waiting { waiting: Box<Waiting<S, B, F>> },
        Decided { #[pin] future: F },
    }
}

struct Waiting<S, B, F> {
    verdict: AdmissionVerdict,
    next: Option<Next<S, B, F>>,
}

/// What is called after the verdict.
struct Next<S, B, F> {
    service: S,
    request: Request<B>,
    go: Go<S, B, F>,
}

type Go<S, B, F> = Box<dyn FnOnce(&mut S, Request<B>, Result<(), Refusal>) -> F + Send>;

impl<S, B, F> Deciding<S, B, F> {
    /// The response is under way.
    #[inline]
    pub fn decided(future: F) -> Self {
        Self { state: State::Decided { future } }
    }

    /// Goes on with a service and a request once the verdict is there, which may be at once. If it is not, the service
    /// is swapped with its clone: the one that was ready is the one to be called.
    #[inline]
    pub fn of(
        verdict: AdmissionVerdict,
        service: &mut S,
        request: Request<B>,
        go: impl FnOnce(&mut S, Request<B>, Result<(), Refusal>) -> F + Send + 'static,
    ) -> Self
    where
        S: Clone,
    {
        match verdict.at_once() {
            Ok(verdict) => Self::decided(go(service, request, verdict)),
            Err(verdict) => Self::waiting(verdict, service, request, go),
        }
    }

    /// Goes on once the verdict is there, which it is not yet.
    pub(super) fn waiting(
        verdict: AdmissionVerdict,
        service: &mut S,
        request: Request<B>,
        go: impl FnOnce(&mut S, Request<B>, Result<(), Refusal>) -> F + Send + 'static,
    ) -> Self
    where
        S: Clone,
    {
        // `poll_ready` has reserved a place in this very service, such as a permit of `ConcurrencyLimit`. Its
        // clone has none, so the clone is left behind and the ready one is called.
        let next = service.clone();
        let ready = mem::replace(service, next);
        let next = Next { service: ready, request, go: Box::new(go) };
        let waiting = Box::new(Waiting { verdict, next: Some(next) });
        Self { state: State::Waiting { waiting } }
    }
}

impl<S, B, F: Future> Future for Deciding<S, B, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProjection::Decided { future } => return future.poll(cx),
                StateProjection::Waiting { waiting } => {
                    let verdict = ready!(Pin::new(&mut waiting.verdict).poll(cx));
                    let Next { mut service, request, go } = waiting.next.take().expect("a verdict comes once");
                    go(&mut service, request, verdict)
                }
            };
            state.set(State::Decided { future });
        }
    }
}

impl<S, B, F> fmt::Debug for Deciding<S, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deciding").finish_non_exhaustive()
    }
}
