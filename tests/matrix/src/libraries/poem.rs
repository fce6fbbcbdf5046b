//! poem, whose endpoint is called by a service on hyper. Its own server only takes tower layers over its own request
//! type.

use ::poem::{
    Addr, Endpoint, EndpointExt, IntoResponse, Route, get, handler,
    web::{
        LocalAddr, RemoteAddr,
        websocket::{Message, WebSocket},
    },
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, uri::Scheme};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use tower::{service_fn, util::BoxCloneSyncService};

use super::library::{Bare, boxed};

pub(super) fn serve() -> Bare {
    let app = std::sync::Arc::new(Route::new().at("/", get(upgrade)).boxed());
    BoxCloneSyncService::new(service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        let nowhere = || Addr::Custom("matrix", "".into());
        let request = (request, LocalAddr(nowhere()), RemoteAddr(nowhere()), Scheme::HTTP);
        async move {
            let response: Response<BoxBody<Bytes, std::io::Error>> = app.get_response(request.into()).await.into();
            Ok(boxed(response))
        }
    }))
}

#[handler]
fn upgrade(socket: WebSocket) -> impl IntoResponse {
    socket.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
                return;
            }
        }
    })
}
