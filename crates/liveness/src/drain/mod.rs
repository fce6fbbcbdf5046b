//! The end of all WebSockets of a server, when it stops.
//!
//! A server that just stops resets every socket: clients see 1006, lose the answers that were on their way, and come
//! back all at once. A graceful shutdown of HTTP's does not help, because an upgraded connection is no longer HTTP's:
//! over HTTP/1.1 it is neither told nor waited for, over HTTP/2 it is waited for and never told.
//!
//! - From the moment at which the drain begins, handshakes are refused: 503 with `Retry-After`, or, with a `CloseLayer`
//!   outside, the drain's close frame for a browser. Plain requests are served.
//! - Every live connection is closed with a code that clients retry on, each at a random moment of a window. A
//!   handshake that was admitted before is closed as soon as it completes.
//! - A handler is not given what comes in from then on, and has time for the answers that it owes. Then it reads the
//!   close, and ends as it does when its client leaves. It may clean up: handlers are waited for, too.
//! - What is left at the deadline is aborted: clients that do not answer the close, handshakes that do not complete.
//! - [`Drained`](crate::Drained) counts how each of them ended.
//!
//! With axum it is one line: [`with_graceful_shutdown(drain.on(signal))`](crate::Drain::on). That future is ready when
//! the drain is over, so that `serve` goes on accepting, and refusing, until then; over HTTP/1.1 `serve` would
//! otherwise return before the first socket was closed, and the process with it. Where new connections should go to
//! another process at once, let axum wait for [`drain.begun()`](crate::Drain::begun), and wait for
//! [`drain.drained()`](crate::Drain::drained) after `serve`. Without axum, await [`drain.start()`](crate::Drain::start)
//! before the server stops.
//!
//! **What this does not do**: tell a load balancer, which may ask [`has_begun`](crate::Drain::has_begun); stop a
//! handler that does not return, which ends with its process; keep what a client sent and no handler has read. A client
//! that wants to know what arrived needs acknowledgements, and sends what is not acknowledged again.
//!
//! # Defaults
//!
//! 1012, "service restarts"; a window of 5 s; 500 ms without output before a connection is taken from its handler, 5 s
//! at most; a deadline of 25 s; `Retry-After` 5 s.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use portcullis_liveness::Drain;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # use std::convert::Infallible;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Infallible> {
//! let drain = Drain::new();
//! let handler = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
//! let app = ServiceBuilder::new().layer(drain.layer()).service(handler);
//!
//! let handshake = || Request::get("/ws").header("upgrade", "websocket").body(()).unwrap();
//! assert_eq!(app.clone().oneshot(handshake()).await?.status(), StatusCode::OK);
//!
//! let drained = drain.start().await;
//! assert!(drained.is_clean());
//!
//! let refused = app.oneshot(handshake()).await?;
//! assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(refused.headers()["retry-after"], "5");
//! # Ok(()) }
//! ```

mod count;
pub(crate) mod drained;
mod future;
pub(crate) mod handle;
pub(crate) mod layer;
mod run;
mod served;
mod service;
mod settings;
mod spread;
mod state;

pub use self::{future::ResponseFuture, service::DrainService};
