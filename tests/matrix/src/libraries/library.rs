//! The libraries under test, and what they have in common.

use std::{convert::Infallible, error::Error, fmt, future::ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Incoming};
use tower::{service_fn, util::BoxCloneSyncService};

use super::{
    async_graphql, axum, fastwebsockets, hyper_tungstenite, jsonrpsee, poem, raw, salvo, socketioxide,
    tokio_websockets, warp, yawc,
};
use crate::script::Script;

/// The error type for all libraries.
#[derive(Debug)]
pub struct Failed(Box<dyn Error + Send + Sync>);

impl Failed {
    pub(super) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Failed {}

/// The body type for all libraries.
pub type AnyBody = UnsyncBoxBody<Bytes, Failed>;

/// A service that answers handshakes, without a guard.
pub type Bare = BoxCloneSyncService<Request<Incoming>, Response<AnyBody>, Failed>;

/// A library, and how to talk to it.
pub struct Library {
    /// Its name in the table, with the version.
    pub name: &'static str,
    /// A server.
    pub serve: fn() -> Bare,
    /// A client.
    pub script: fn() -> Script,
    /// Why it does not work over HTTP/2.
    pub not_over_http_2: Option<&'static str>,
}

const KEY: &str = "asks for a `Sec-WebSocket-Key`, which HTTP/2 does not have";
const GET: &str = "asks for a `GET`; over HTTP/2 the method is `CONNECT`";

/// All of them, in the order of the table.
pub const LIBRARIES: [Library; 12] = [
    Library { name: "axum 0.8", serve: axum::serve, script: Script::echo, not_over_http_2: None },
    Library {
        name: "hyper-tungstenite 0.30",
        serve: hyper_tungstenite::serve,
        script: Script::echo,
        not_over_http_2: Some(KEY),
    },
    Library { name: "fastwebsockets 0.10", serve: fastwebsockets::serve, script: Script::echo, not_over_http_2: None },
    Library {
        name: "tokio-websockets 0.13",
        serve: tokio_websockets::serve,
        script: Script::echo,
        not_over_http_2: None,
    },
    Library { name: "yawc 0.5", serve: yawc::serve, script: Script::compressing, not_over_http_2: None },
    Library {
        name: "socketioxide 0.18",
        serve: socketioxide::serve,
        script: Script::socket_io,
        not_over_http_2: Some(GET),
    },
    Library {
        name: "jsonrpsee-server 0.26",
        serve: jsonrpsee::serve,
        script: Script::json_rpc,
        not_over_http_2: Some(GET),
    },
    Library {
        name: "async-graphql-axum 7.2",
        serve: async_graphql::serve,
        script: Script::graphql,
        not_over_http_2: None,
    },
    Library { name: "poem 3.1", serve: poem::serve, script: Script::echo, not_over_http_2: Some(GET) },
    Library { name: "warp 0.4", serve: warp::serve, script: Script::echo, not_over_http_2: Some(GET) },
    Library { name: "salvo 1.1", serve: salvo::serve, script: Script::echo, not_over_http_2: Some(KEY) },
    Library { name: "hyper 1.12", serve: raw::serve, script: Script::echo, not_over_http_2: None },
];

/// Boxes a body.
pub(super) fn boxed<B>(response: Response<B>) -> Response<AnyBody>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    response.map(|body| body.map_err(Failed::new).boxed_unsync())
}

/// A service from a function. Plain requests get a 404.
pub(super) fn answering(upgrade: fn(Request<Incoming>) -> Response<AnyBody>) -> Bare {
    BoxCloneSyncService::new(service_fn(move |request: Request<Incoming>| {
        let answer = if is_handshake(&request) { upgrade(request) } else { status(StatusCode::NOT_FOUND) };
        ready(Ok(answer))
    }))
}

fn is_handshake<B>(request: &Request<B>) -> bool {
    request.headers().contains_key("sec-websocket-version")
}

pub(super) fn status(status: StatusCode) -> Response<AnyBody> {
    let mut response = Response::new(AnyBody::default());
    *response.status_mut() = status;
    response
}

/// The response of libraries that do not create one: 101 with the accept key (RFC 6455), or 200 (RFC 8441).
pub(super) fn switching<B>(request: &Request<B>) -> Response<AnyBody> {
    if request.version() == Version::HTTP_2 {
        return status(StatusCode::OK);
    }
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers: &mut HeaderMap = response.headers_mut();
    let key = request.headers()["sec-websocket-key"].as_bytes();
    let accept = ::hyper_tungstenite::tungstenite::handshake::derive_accept_key(key);
    headers.insert("connection", "upgrade".parse().unwrap());
    headers.insert("upgrade", "websocket".parse().unwrap());
    headers.insert("sec-websocket-accept", accept.parse().unwrap());
    response
}

/// For services that cannot fail.
pub(super) fn never(error: Infallible) -> Failed {
    match error {}
}
