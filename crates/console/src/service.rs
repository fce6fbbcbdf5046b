//! The console as a service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Body;
use tower_service::Service;

use crate::{Console, answer::answer, body::ConsoleBody, operator::Authorized};

/// Future of a console's response.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<ConsoleBody>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<ConsoleBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Paths are relative to the console's own: the router that mounts it must strip the prefix, as axum's `nest_service`
/// does. The page loads its files relative to its own URL, which must end with a slash. With feature `axum`, a URL
/// without the slash is redirected.
impl<B> Service<Request<B>> for Console<Authorized>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<ConsoleBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture(Box::pin(answer(self.state(), self.authorizer().clone(), request)))
    }
}
