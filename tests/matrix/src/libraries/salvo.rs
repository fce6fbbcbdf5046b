//! salvo, whose handler is called by a service on hyper.

use ::salvo::{
    Request, Response, Router, Service,
    conn::{ConnCtrl, SocketAddr},
    handler,
    http::StatusError,
    websocket::{WebSocket, WebSocketUpgrade},
};
use futures_util::StreamExt;
use http::uri::Scheme;
use hyper::{body::Incoming, service::Service as _};
use tower::{service_fn, util::BoxCloneSyncService};

use super::library::{Bare, Failed, boxed};

pub(super) fn serve() -> Bare {
    let service = Service::new(Router::new().goal(upgrade));
    let nowhere = || SocketAddr::Unknown;
    let handler = service.hyper_handler(nowhere(), nowhere(), Scheme::HTTP, None, ConnCtrl::new(), None);
    let handler = std::sync::Arc::new(handler);
    BoxCloneSyncService::new(service_fn(move |request: http::Request<Incoming>| {
        let answer = handler.call(request);
        async move { Ok(boxed(answer.await.map_err(Failed::new)?)) }
    }))
}

#[handler]
async fn upgrade(req: &mut Request, res: &mut Response) -> Result<(), StatusError> {
    WebSocketUpgrade::new().upgrade(req, res, echo).await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}
