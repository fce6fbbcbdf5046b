//! The layer that installs a custom policy.
//!
//! It is the shortest way to a rule of your own on the live connection. A layer that also decides about handshakes
//! stands on [`upgrade::call`](crate::upgrade::call()) instead, which is what this one does.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    connection::Connection,
    policy::Policy,
    upgrade::{self, ResponseFuture},
};

/// Installs a custom [`Policy`] on every connection: `PolicyLayer::new(|parts, connection| policy)`.
///
/// The closure is called for each handshake. The policy it returns is installed if the response is an upgrade.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::{Duration, Instant};
/// use portcullis_core::{CloseCode, CloseFrame, PolicyLayer, policy::{Action, Activity, Interest, Policy}};
/// # use std::convert::Infallible;
/// # use http::{Request, Response, request::Parts};
/// # use hyper::body::Incoming;
/// # use portcullis_core::{Connection, testing::Handshake};
/// # use tower::{Layer, service_fn};
///
/// /// Closes connections of a free plan after an hour.
/// struct Trial { ends: Option<Instant> }
///
/// impl Policy for Trial {
///     fn interest(&self) -> Interest {
///         Interest::NONE // no frame is of interest
///     }
///
///     fn deadline(&self, _: &Activity) -> Option<Instant> {
///         self.ends
///     }
///
///     fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
///         Action::Close(CloseFrame::new(CloseCode::new(4402).unwrap(), "the trial is over"))
///     }
/// }
///
/// let layer = PolicyLayer::new(|parts: &Parts, connection: &Connection| Trial {
///     ends: (!parts.headers.contains_key("x-paid")).then(|| connection.started() + Duration::from_secs(3600)),
/// });
/// # async fn handler(mut request: Request<Incoming>) -> Result<Response<String>, Infallible> {
/// #     let upgrade = hyper::upgrade::on(&mut request);
/// #     tokio::spawn(async move {
/// #         let mut socket = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
/// #         tokio::io::copy(&mut socket, &mut tokio::io::sink()).await
/// #     });
/// #     let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
/// #     Ok(response.body(String::new()).unwrap())
/// # }
/// let service = layer.layer(service_fn(handler));
/// let mut free = Handshake::new("/ws").connect(service.clone()).await.unwrap();
/// let mut paid = Handshake::new("/ws").header("x-paid", "yes").connect(service).await.unwrap();
/// assert_eq!(free.closed().await.unwrap().to_string(), "4402 the trial is over");
/// let later = tokio::time::timeout(Duration::from_secs(24 * 3600), paid.closed()).await;
/// assert!(later.is_err(), "still open after a day");
/// # }
/// # #[cfg(not(feature = "test-util"))] fn main() {}
/// ```
#[must_use]
pub struct PolicyLayer<F> {
    policy: Arc<F>,
}

impl<F> PolicyLayer<F> {
    /// Creates a layer from a closure that creates the policy for a handshake.
    pub fn new<P>(policy: F) -> Self
    where
        F: Fn(&Parts, &Connection) -> P,
        P: Policy,
    {
        Self { policy: Arc::new(policy) }
    }
}

impl<F> Clone for PolicyLayer<F> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone() }
    }
}

impl<F> fmt::Debug for PolicyLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyLayer").finish_non_exhaustive()
    }
}

impl<S, F> Layer<S> for PolicyLayer<F> {
    type Service = PolicyService<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { inner, policy: self.policy.clone() }
    }
}

/// The service of [`PolicyLayer`].
pub struct PolicyService<S, F> {
    inner: S,
    policy: Arc<F>,
}

impl<S: Clone, F> Clone for PolicyService<S, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), policy: self.policy.clone() }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for PolicyService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, F, P, ReqBody, ResBody> Service<Request<ReqBody>> for PolicyService<S, F>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    F: Fn(&Parts, &Connection) -> P,
    P: Policy,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        upgrade::call(&mut self.inner, request, |guarded, parts| {
            let policy: Box<dyn Policy> = Box::new((self.policy)(parts, guarded.connection()));
            Ok(Some(policy))
        })
    }
}
