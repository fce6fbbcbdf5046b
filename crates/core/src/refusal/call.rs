//! The `call` of services that only decide about handshakes and do not guard connections.

use http::{Request, request::Parts};
use tower_service::Service;

use super::{Asked, Refusal, ResponseFuture, note_refusing};
use crate::handshake;

/// Calls `inner`, unless the request is a handshake that `admit` refuses.
///
/// `admit` is called for handshakes only, and may change the request's parts.
///
/// ```
/// use std::{convert::Infallible, future::ready};
///
/// use http::{Request, Response, StatusCode};
/// use portcullis_core::refusal::{self, Refusal};
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
/// let mut closed = async |request| {
///     let refuse = |_: &mut _| Err(Refusal::new("closed", StatusCode::FORBIDDEN));
///     refusal::call(&mut inner, request, refuse).await.unwrap().status()
/// };
///
/// assert_eq!(closed(Request::get("/").body(()).unwrap()).await, 200);
/// assert_eq!(closed(Request::get("/").header("upgrade", "websocket").body(()).unwrap()).await, 403);
/// # }
/// ```
pub fn call<S, B>(
    inner: &mut S,
    request: Request<B>,
    admit: impl FnOnce(&mut Parts) -> Result<(), Refusal>,
) -> ResponseFuture<S::Future>
where
    S: Service<Request<B>>,
{
    let (mut parts, body) = request.into_parts();
    if handshake::is_handshake(&parts) {
        note_refusing(&mut parts);
        if let Err(refusal) = admit(&mut parts) {
            return ResponseFuture::refused(refusal.over(parts.version).asked(Asked::of(&parts)));
        }
    }
    ResponseFuture::inner(inner.call(Request::from_parts(parts, body)))
}
