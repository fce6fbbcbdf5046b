//! Checks the `Origin` of WebSocket handshakes and, optionally, of plain requests.
//!
//! A handshake is an HTTP GET that no CORS rule protects: any page can open a WebSocket to any server, and the browser
//! sends the user's cookies along. Only the `Origin` header distinguishes a foreign page from your own (RFC 6455,
//! section 10.2).
//!
//! - An origin is `scheme://host[:port]` and nothing else, in exactly one header. It is allowed if it is listed, if it
//!   matches an entry such as `https://*.example.com` (one or more whole labels; the apex is not included), or, with
//!   [`OriginLayer::same_origin`], if it is the server's own.
//! - Default ports are ignored in comparisons: browsers never send them, other clients do.
//! - `null`, which any sandboxed frame can send, is refused unless [`allow_null`](OriginLayer::allow_null) is set, and
//!   `file://` is refused unless [`allow_file`](OriginLayer::allow_file) is set.
//! - A handshake without `Origin` does not come from a browser. It is allowed unless it carries cookies or declares
//!   itself cross-site with `Sec-Fetch-Site`.
//! - Plain requests, which are not handshakes, pass by default. With [`plain_requests`](OriginLayer::plain_requests),
//!   those whose method may change something (any but `GET`, `HEAD` and `OPTIONS`) are checked as well. They are
//!   allowed if `Sec-Fetch-Site` says that they come from this very origin or directly from the user, if their `Origin`
//!   is the server's own, or if it is allowed for handshakes. Layers inside then know that the request's cookies can be
//!   trusted.
//!
//! **What this does not do**: authenticate. A client that is not a browser can send any origin. Nor does the
//! same-origin rule stop DNS rebinding, where both origin and host carry the attacker's name; use
//! [`hosts`](OriginLayer::hosts) against that.
//!
//! # Defaults
//!
//! | Request | By default |
//! | --- | --- |
//! | `Origin: null`, `Origin: file://` | refused |
//! | no `Origin`, without cookies | allowed |
//! | no `Origin`, with cookies | refused |
//! | any `Host` | allowed |
//! | `X-Forwarded-Host`, `X-Forwarded-Proto` | ignored, unless a layer outside marked the peer as a [`TrustedPeer`] |
//! | plain requests | pass unchecked |
//!
//! [`TrustedPeer`]: portcullis_core::identity::TrustedPeer
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

#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod layer;
mod origin;
mod pattern;
mod plain;
mod policy;
mod service;
mod settings;

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
