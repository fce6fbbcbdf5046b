//! The door for layers that guard, and may have to wait before they decide.

use std::fmt;

use http::{Request, request::Parts};
use tower_service::Service;

use super::{AdmissionVerdict, Deciding, GuardedHandshake, ResponseFuture, call::refuse, intercept::intercept_as};
use crate::{
    policy::Policy,
    refusal::{Asked, Refusal},
};

/// The decision of a layer about a handshake.
pub struct Admission {
    policy: Option<Box<dyn Policy>>,
    verdict: AdmissionVerdict,
}

impl Admission {
    /// Admits the handshake. The policy is installed if the response is an upgrade.
    pub fn new(policy: Option<Box<dyn Policy>>) -> Self {
        Self { policy, verdict: AdmissionVerdict::ready(Ok(())) }
    }

    /// Admits the handshake only if `verdict` does.
    pub fn after(self, verdict: AdmissionVerdict) -> Self {
        Self { verdict, ..self }
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("verdict", &self.verdict).finish_non_exhaustive()
    }
}

/// Like [`call`](super::call), for a layer whose decision about a handshake may have to wait. A decision that is made
/// at once costs the same as with `call`.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::{convert::Infallible, future::ready};
///
/// use http::{Request, Response, StatusCode};
/// use hyper::body::Incoming;
/// use portcullis_core::{Decision, refusal::Refusal, testing::Handshake, upgrade};
/// use tower::service_fn;
///
/// let inner = service_fn(|_: Request<Incoming>| {
///     let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
///     ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
/// });
/// let even_seconds = |second: u32| {
///     service_fn(move |request: Request<Incoming>| {
///         upgrade::decide(&mut inner.clone(), request, |_, _| {
///             Ok(upgrade::Admission::new(None).after(Decision::wait(async move {
///                 tokio::task::yield_now().await; // in place of a question over the network
///                 if second % 2 == 0 { Ok(()) } else { Err(Refusal::new("odd", StatusCode::FORBIDDEN)) }
///             })))
///         })
///     })
/// };
///
/// assert!(Handshake::new("/").connect(even_seconds(2)).await.is_ok());
/// assert_eq!(Handshake::new("/").connect(even_seconds(3)).await.unwrap_err().refusal().unwrap().kind(), "odd");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
pub fn decide<S, B>(
    inner: &mut S,
    request: Request<B>,
    admit: impl FnOnce(&mut GuardedHandshake, &mut Parts) -> Result<Admission, Refusal>,
) -> Deciding<S, B, ResponseFuture<S::Future>>
where
    S: Service<Request<B>> + Clone,
{
    let (mut parts, body) = request.into_parts();
    let mut guarded = match intercept_as(&mut parts, None) {
        Ok(Some(guarded)) => guarded,
        Ok(None) => return Deciding::decided(ResponseFuture::inner(inner.call(Request::from_parts(parts, body)))),
        Err(refusal) => return Deciding::decided(refuse(refusal, &parts)),
    };
    let Admission { policy, verdict } = match admit(&mut guarded, &mut parts) {
        Ok(admission) => admission,
        Err(refusal) => return Deciding::decided(refuse(refusal, &parts)),
    };
    let verdict = match verdict.at_once() {
        Ok(Ok(())) => {
            let future = guarded.in_span(|| inner.call(Request::from_parts(parts, body)));
            return Deciding::decided(ResponseFuture::guarded(future, guarded, policy));
        }
        Ok(Err(refusal)) => return Deciding::decided(refuse(refusal, &parts)),
        Err(verdict) => verdict,
    };
    let (version, asked) = (parts.version, Asked::of(&parts));
    // `guarded` is kept in the future. If the client disconnects, hyper drops the future, which ends the connection and
    // drops what it holds.
    Deciding::waiting(verdict, inner, Request::from_parts(parts, body), move |inner, request, verdict| match verdict {
        Ok(()) => ResponseFuture::guarded(guarded.in_span(|| inner.call(request)), guarded, policy),
        Err(refusal) => ResponseFuture::refused(refusal.over(version).asked(asked)),
    })
}
