//! The response to come: the inner service's or a refusal, once the verification is over.
//!
//! While a verification waits, the request and the service that was ready wait with it. Nothing of the token does: it
//! was handed to the verifier, and is gone from the request. If the client disconnects, all of this is dropped, and a
//! fetch of keys that others need as well goes on without it.
//!
//! A handshake that sends its token with the first message is admitted before anything is known about its client. Its
//! handler must answer with an upgrade then, since any other success would be an answer to a client that is not
//! authenticated; [`Answer`] turns that into a 401.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, request::Parts};
use pin_project_lite::pin_project;
use portcullis_core::{handshake, refusal::Refusal, upgrade};
use tower_service::Service;

use crate::{
    admit::{Admitted, Decision, Verifying},
    error::TokenError,
    subprotocols::Subprotocols,
};

pin_project! {
    /// The inner service's response, once the token is verified, or a refusal.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, T, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        kind: Kind<S, S::Future, T, B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<S, F, T, B> {
        // What is large is in boxes: the futures of all layers outside contain this one, and each would copy it.
        Verifying { verifying: Box<Verifying<T>>, ready: Option<Box<(S, Parts, B)>> },
        Inner { future: Pin<Box<upgrade::ResponseFuture<Answer<F>>>>, subprotocols: Subprotocols },
        Refused { refusal: Option<Refusal>, subprotocols: Subprotocols },
    }
}

impl<S: Service<Request<B>>, T, B> ResponseFuture<S, T, B> {
    pub(crate) fn inner(future: S::Future) -> Self {
        let future = Box::pin(upgrade::ResponseFuture::inner(Answer::any(future)));
        Self { kind: Kind::Inner { future, subprotocols: Subprotocols::default() } }
    }

    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { kind: Kind::Refused { refusal: Some(refusal), subprotocols: Subprotocols::default() } }
    }

    /// Calls the inner service, if that is the decision.
    pub(crate) fn decided(call: impl FnOnce() -> S::Future, decision: Decision) -> Self {
        Self { kind: Kind::decided(call, decision) }
    }

    pub(crate) fn verifying(verifying: Box<Verifying<T>>, ready: S, parts: Parts, body: B) -> Self {
        Self { kind: Kind::Verifying { verifying, ready: Some(Box::new((ready, parts, body))) } }
    }
}

impl<S, F, T, B> Kind<S, F, T, B> {
    fn decided(call: impl FnOnce() -> F, decision: Decision) -> Self {
        let Decision { outcome, subprotocols } = decision;
        match outcome {
            Ok(Admitted { guarded: Some(guarded), policy, must_upgrade }) => {
                let answer = Answer { future: guarded.in_span(call), must_upgrade };
                Self::Inner {
                    future: Box::pin(upgrade::ResponseFuture::guarded(answer, guarded, policy)),
                    subprotocols,
                }
            }
            Ok(Admitted { guarded: None, .. }) => {
                Self::Inner { future: Box::pin(upgrade::ResponseFuture::inner(Answer::any(call()))), subprotocols }
            }
            Err(refusal) => Self::Refused { refusal: Some(refusal), subprotocols },
        }
    }
}

impl<S, T, B, R> Future for ResponseFuture<S, T, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    T: Send + Sync + 'static,
    R: Default + 'static,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.kind.as_mut().project() {
                KindProjection::Verifying { verifying, ready } => {
                    let (_, parts, _) = &mut **ready.as_mut().expect("a future is not polled after it is ready");
                    let decision = ready!(verifying.poll(cx, parts));
                    let (mut service, parts, body) = *ready.take().expect("it was there a line above");
                    Kind::decided(|| service.call(Request::from_parts(parts, body)), decision)
                }
                KindProjection::Inner { future, subprotocols } => {
                    let mut response = ready!(future.as_mut().poll(cx))?;
                    mem::take(subprotocols).apply(&mut response);
                    return Poll::Ready(Ok(response));
                }
                KindProjection::Refused { refusal, subprotocols } => {
                    let refusal = refusal.take().expect("a future is not polled after it is ready");
                    let mut response = refusal.into_response();
                    mem::take(subprotocols).apply(&mut response);
                    return Poll::Ready(Ok(response));
                }
            };
            this.kind.set(next);
        }
    }
}

pin_project! {
    /// The handler's answer; if only an upgrade will do, what else is not an error becomes a refusal.
    struct Answer<F> {
        #[pin]
        future: F,
        must_upgrade: Option<Method>,
    }
}

impl<F> Answer<F> {
    fn any(future: F) -> Self {
        Self { future, must_upgrade: None }
    }
}

impl<F, R, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default + 'static,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        let status = response.status();
        let is_answer = |method| handshake::is_upgrade(method, status) || status.as_u16() >= 400;
        let fine = this.must_upgrade.as_ref().is_none_or(is_answer);
        Poll::Ready(Ok(if fine { response } else { TokenError::Missing.refusal().into_response() }))
    }
}

impl<S: Service<Request<B>>, T, B> fmt::Debug for ResponseFuture<S, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
