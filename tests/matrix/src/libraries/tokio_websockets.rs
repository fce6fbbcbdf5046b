//! tokio-websockets, on an upgrade of hyper.

use ::tokio_websockets::ServerBuilder;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::library::{AnyBody, Bare, answering, switching};

pub(super) fn serve() -> Bare {
    answering(upgrade)
}

fn upgrade(mut request: Request<Incoming>) -> Response<AnyBody> {
    let response = switching(&request);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let mut socket = ServerBuilder::new().serve(TokioIo::new(upgraded));
        while let Some(Ok(message)) = socket.next().await {
            if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    response
}
