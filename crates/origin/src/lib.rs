//! Checks the origin of WebSocket handshakes, and of plain requests where that is said.
//!
//! A handshake is an HTTP GET that no CORS rule protects: any page may open a WebSocket to any server, and the browser
//! sends the user's cookies along. Only the `Origin` header tells such a page from one's own (RFC 6455, section 10.2).
//!
//! - An origin is `scheme://host[:port]` and nothing else, in exactly one header. It is allowed if it is listed, if it
//!   falls under a listed `https://*.example.com` (one or more whole labels, the apex not included), or, with
//!   [`OriginLayer::same_origin`], if it is the server's own.
//! - Default ports are folded: browsers never send them, other clients do.
//! - `null`, which any sandboxed frame can send, is refused unless [`allow_null`](OriginLayer::allow_null) names it,
//!   and so is `file://` unless [`allow_file`](OriginLayer::allow_file) does.
//! - A handshake without `Origin` comes from no browser. It is allowed unless it carries cookies, or says that it is
//!   cross-site.
//! - Plain requests, which are not handshakes, pass, unless [`plain_requests`](OriginLayer::plain_requests) is said.
//!   Then those of a method that may change something (any but `GET`, `HEAD` and `OPTIONS`) are judged, too: they are
//!   allowed if the browser says with `Sec-Fetch-Site` that they come from this very origin, or from the user, if their
//!   `Origin` is the server's own, or if it is allowed for handshakes. A layer inside learns that it may trust the
//!   request's cookies.
//!
//! **What this does not do**: authenticate. A client that is not a browser sends any origin it likes. Nor does same
//! origin stop DNS rebinding, where origin and host are both the attacker's name: that is what
//! [`hosts`](OriginLayer::hosts) is for.
//!
//! # Defaults
//!
//! `null` and `file://` refused; absent origin allowed unless the request carries cookies; any `Host`; `X-Forwarded-Host` and
//! `X-Forwarded-Proto` believed only where a layer outside has marked the peer as a
//! [`TrustedPeer`](portcullis_core::identity::TrustedPeer).
//!
//! ```
//! use http::Request;
//! use portcullis_origin::OriginLayer;
//!
//! let layer = OriginLayer::new(["https://app.example.com", "https://*.example.net"])?;
//! let ask = |origin: &str| {
//!     let request = Request::get("/ws").header("upgrade", "websocket").header("origin", origin);
//!     layer.admit(&request.body(()).unwrap().into_parts().0)
//! };
//! assert!(ask("https://a.example.net").is_ok());
//! assert!(ask("https://app.example.com.evil.org").is_err());
//! # Ok::<_, portcullis_origin::InvalidOrigin>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod layer;
mod origin;
mod pattern;
mod plain;
mod policy;
mod service;

pub use portcullis_core::refusal::ResponseFuture;

pub use crate::{
    layer::OriginLayer,
    origin::{InvalidOrigin, Origin},
    pattern::Origins,
    service::OriginService,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
