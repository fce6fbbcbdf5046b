//! The future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Method, Request, Response, header::SEC_WEBSOCKET_PROTOCOL};
use pin_project_lite::pin_project;
use portcullis_core::{
    handshake::{self, Subprotocol},
    refusal::Refusal,
    upgrade,
};
use tower_service::Service;

use crate::admit::{Admitted, Next, Verifying};

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
        Verifying { verifying: Box<Verifying<T>>, ready: Option<(S, Request<B>)> },
        Inner { #[pin] future: upgrade::ResponseFuture<F>, marker: Option<HeaderValue>, fallback: Option<HeaderValue> },
        Refused { refusal: Option<Refusal>, fallback: Option<HeaderValue> },
    }
}

impl<S: Service<Request<B>>, T, B> ResponseFuture<S, T, B> {
    pub(crate) fn inner(future: S::Future) -> Self {
        let future = upgrade::ResponseFuture::inner(future);
        Self { kind: Kind::Inner { future, marker: None, fallback: None } }
    }

    pub(crate) fn admitted(call: impl FnOnce() -> S::Future, admitted: Admitted) -> Self {
        Self { kind: Kind::admitted(call, admitted) }
    }

    pub(crate) fn refused(refusal: Refusal, fallback: Option<HeaderValue>) -> Self {
        Self { kind: Kind::Refused { refusal: Some(refusal), fallback } }
    }

    pub(crate) fn verifying(verifying: Box<Verifying<T>>, ready: S, request: Request<B>) -> Self {
        Self { kind: Kind::Verifying { verifying, ready: Some((ready, request)) } }
    }
}

impl<S, F, T, B> Kind<S, F, T, B> {
    fn admitted(call: impl FnOnce() -> F, admitted: Admitted) -> Self {
        let Admitted { guarded, policy, marker, fallback } = admitted;
        let future = match guarded {
            Some(guarded) => upgrade::ResponseFuture::guarded(guarded.run(call), guarded, policy),
            None => upgrade::ResponseFuture::inner(call()),
        };
        Self::Inner { future, marker, fallback }
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
                    let (_, request) = ready.as_mut().expect("a future is not polled after it is ready");
                    let next = ready!(verifying.poll(cx, request));
                    let (mut service, request) = ready.take().expect("it was there a line above");
                    match next {
                        Next::Inner(admitted) => Kind::admitted(|| service.call(request), *admitted),
                        Next::Refused(refusal, fallback) => Kind::Refused { refusal: Some(*refusal), fallback },
                        Next::Verify(_) => unreachable!("a token is verified once"),
                    }
                }
                KindProjection::Inner { future, marker, fallback } => {
                    let mut response = ready!(future.poll(cx))?;
                    select(&mut response, marker.take(), fallback.take());
                    return Poll::Ready(Ok(response));
                }
                KindProjection::Refused { refusal, fallback } => {
                    let refusal = refusal.take().expect("a future is not polled after it is ready");
                    let mut response = refusal.into_response();
                    select(&mut response, None, fallback.take());
                    return Poll::Ready(Ok(response));
                }
            };
            this.kind.set(next);
        }
    }
}

/// What the handler selected stands. Else the marker is selected, or, should a refused handshake be accepted only to be
/// closed, what can be.
fn select<R>(response: &mut Response<R>, marker: Option<HeaderValue>, fallback: Option<HeaderValue>) {
    // Over HTTP/2 the method is CONNECT, and any success is an upgrade; the marker harms no other response.
    let upgrade = handshake::is_upgrade(&Method::CONNECT, response.status());
    if let (true, Some(marker)) = (upgrade, marker) {
        response.headers_mut().entry(SEC_WEBSOCKET_PROTOCOL).or_insert(marker);
    }
    if let (false, Some(fallback)) = (upgrade, fallback) {
        response.extensions_mut().insert(Subprotocol(fallback));
    }
}

impl<S: Service<Request<B>>, T, B> fmt::Debug for ResponseFuture<S, T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
