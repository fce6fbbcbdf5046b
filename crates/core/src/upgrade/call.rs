//! The door for layers: everything that a service that guards has to do, but for its decision.

use std::sync::Arc;

use http::{HeaderMap, Request, request::Parts};
use tower_service::Service;

use super::{
    GuardedHandshake, ResponseFuture,
    intercept::{intercept_as, join},
};
use crate::{
    policy::Policy,
    refusal::{Asked, Refusal},
    settings::Settings,
};

/// Calls a service with a request whose connection is guarded, if it is a handshake, unless `admit` refuses it.
///
/// `admit` is asked about handshakes alone. It may change the request's parts, and refuse the handshake, which then
/// never reaches the service. The policy that it returns is installed if the response is an upgrade. Any other request
/// passes, without its `OnUpgrade`.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::{convert::Infallible, future::ready};
///
/// use http::{Request, Response, StatusCode};
/// use hyper::body::Incoming;
/// use portcullis_core::{refusal::Refusal, testing::Handshake, upgrade};
/// use tower::service_fn;
///
/// // The inner service upgrades every request.
/// let inner = service_fn(|_: Request<Incoming>| {
///     let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
///     ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
/// });
/// let members_only = service_fn(move |request: Request<Incoming>| {
///     upgrade::call(&mut inner.clone(), request, |_, parts| {
///         let member = parts.headers.contains_key("x-member");
///         if member { Ok(None) } else { Err(Refusal::new("not_a_member", StatusCode::FORBIDDEN)) }
///     })
/// });
///
/// assert!(Handshake::new("/").header("x-member", "yes").connect(members_only.clone()).await.is_ok());
/// let refused = Handshake::new("/").connect(members_only).await.unwrap_err();
/// assert_eq!(refused.refusal().unwrap().kind(), "not_a_member");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
pub fn call<S, B>(
    inner: &mut S,
    request: Request<B>,
    admit: impl FnOnce(&mut GuardedHandshake, &mut Parts) -> Result<Option<Box<dyn Policy>>, Refusal>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    call_as(inner, request, None, admit)
}

/// [`call`], for a layer that refuses nothing. It may change the headers before the inner service reads them, and the
/// policy that it returns is installed if the response is an upgrade.
///
/// Inside of another guarding layer it costs less than [`call`], as it moves the request on in one piece.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::{convert::Infallible, future::ready};
///
/// use http::{HeaderValue, Request, Response, StatusCode};
/// use hyper::body::Incoming;
/// use portcullis_core::{testing::Handshake, upgrade};
/// use tower::service_fn;
///
/// // The inner service upgrades requests for version 2, and accepts no others.
/// let inner = service_fn(|request: Request<Incoming>| {
///     let second = request.headers().get("x-version").is_some_and(|version| version == "2");
///     let status = if second { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::BAD_REQUEST };
///     let response = Response::builder().status(status).header("upgrade", "websocket");
///     ready(Ok::<_, Infallible>(response.body(String::new()).unwrap()))
/// });
/// let second_by_default = service_fn(move |request: Request<Incoming>| {
///     upgrade::enforce(&mut inner.clone(), request, |_, headers| {
///         headers.entry("x-version").or_insert(HeaderValue::from_static("2"));
///         None
///     })
/// });
///
/// assert!(Handshake::new("/").connect(second_by_default.clone()).await.is_ok());
/// assert!(Handshake::new("/").header("x-version", "1").connect(second_by_default).await.is_err());
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
pub fn enforce<S, B>(
    inner: &mut S,
    request: Request<B>,
    enter: impl FnOnce(&GuardedHandshake, &mut HeaderMap) -> Option<Box<dyn Policy>>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    enforce_as(inner, request, None, enter)
}

/// [`enforce`], with settings. Those of the outermost layer that has some count, whichever sets the connection up.
pub(crate) fn enforce_as<S, B>(
    inner: &mut S,
    mut request: Request<B>,
    settings: Option<&Arc<Settings>>,
    enter: impl FnOnce(&GuardedHandshake, &mut HeaderMap) -> Option<Box<dyn Policy>>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    // Inside of another layer, which is where most of them stand, the request is not taken apart: that would copy it.
    match join(request.extensions(), settings) {
        Some(Ok(guarded)) => {
            let policy = enter(&guarded, request.headers_mut());
            ResponseFuture::guarded(inner.call(request), guarded, policy)
        }
        Some(Err(another)) => refuse(another.into(), &request.into_parts().0),
        None => call_as(inner, request, settings, |guarded, parts| Ok(enter(guarded, &mut parts.headers))),
    }
}

fn call_as<S, B>(
    inner: &mut S,
    request: Request<B>,
    settings: Option<&Arc<Settings>>,
    admit: impl FnOnce(&mut GuardedHandshake, &mut Parts) -> Result<Option<Box<dyn Policy>>, Refusal>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    let (mut parts, body) = request.into_parts();
    let mut guarded = match intercept_as(&mut parts, settings) {
        Ok(Some(guarded)) => guarded,
        Ok(None) => return ResponseFuture::inner(inner.call(Request::from_parts(parts, body))),
        Err(refusal) => return refuse(refusal, &parts),
    };
    match admit(&mut guarded, &mut parts) {
        Ok(policy) => {
            let future = guarded.in_span(|| inner.call(Request::from_parts(parts, body)));
            ResponseFuture::guarded(future, guarded, policy)
        }
        Err(refusal) => refuse(refusal, &parts),
    }
}

/// The response is a refusal, and the inner service is not called.
pub(super) fn refuse<F>(refusal: Refusal, parts: &Parts) -> ResponseFuture<F> {
    ResponseFuture::refused(refusal.over(parts.version).asked(Asked::of(parts)))
}
