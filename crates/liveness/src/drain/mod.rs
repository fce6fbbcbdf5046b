//! Closes all WebSockets of a server that shuts down, in an orderly way.
//!
//! A server that just stops resets every socket: clients see 1006, lose responses that were under way, and reconnect
//! all at once. The graceful shutdown of an HTTP server does not help, because it no longer controls an upgraded
//! connection: over HTTP/1.1 it neither notifies it nor waits for it, over HTTP/2 it waits for it and never notifies
//! it.
//!
//! - Once the drain has begun, handshakes are refused with 503 and `Retry-After`, or, for a browser and with a
//!   `CloseLayer` outside, with the drain's close frame. Plain requests are served.
//! - Every live connection is closed with a code on which clients retry, each at a random moment within a window. A
//!   handshake that was admitted before is closed as soon as it completes.
//! - When its turn comes, a handler receives no more input, and has time to send responses that it still owes. Then it
//!   reads the close, and ends as if its client had left. The drain waits for handlers to finish cleaning up.
//! - At the deadline, whatever is left is aborted: clients that do not answer the close, and handshakes that do not
//!   complete.
//! - Nodes that share limits with this one are told at once ([`Drain::cluster`](crate::Drain::cluster)): it takes
//!   nothing more of what they share, and what its connections hold is theirs as they end.
//! - [`Drained`](crate::Drained) counts how the connections ended.
//!
//! With axum it takes one line: [`with_graceful_shutdown(drain.on(signal))`](crate::Drain::on). The future is ready
//! when the drain is over, so that `serve` keeps accepting connections, and refusing handshakes, until then. Over
//! HTTP/1.1 `serve` would otherwise return before the first socket was closed, and the process would end. If new
//! connections should go to another process at once, let axum wait for [`drain.started()`](crate::Drain::started), and
//! wait for [`drain.drained()`](crate::Drain::drained) after `serve`. Without axum, await
//! [`drain.start()`](crate::Drain::start) before the server stops.
//!
//! **What this does not do**: notify a load balancer, whose readiness probe can ask
//! [`is_started`](crate::Drain::is_started); stop a handler that does not return, which ends with the process; or keep
//! what a client sent and no handler has read. A client that needs to know what arrived needs acknowledgements, and
//! must resend what was not acknowledged.
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | close frame | 1012, "service restarts" |
//! | window over which the closes are spread | 5 s |
//! | time without output after which a handler counts as finished | 500 ms |
//! | longest time that a handler may go on sending | 5 s |
//! | deadline of the whole drain | 25 s |
//! | `Retry-After` | 5 s |
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
