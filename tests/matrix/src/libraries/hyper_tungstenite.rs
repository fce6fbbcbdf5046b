//! hyper-tungstenite, on bare hyper.

use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::library::{AnyBody, Bare, answering, boxed, status};

pub(super) fn serve() -> Bare {
    answering(upgrade)
}

fn upgrade(mut request: Request<Incoming>) -> Response<AnyBody> {
    let Ok((response, socket)) = ::hyper_tungstenite::upgrade(&mut request, None) else {
        return status(StatusCode::BAD_REQUEST);
    };
    tokio::spawn(async move {
        let Ok(mut socket) = socket.await else { return };
        while let Some(Ok(message)) = socket.next().await {
            if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
                return;
            }
        }
    });
    boxed(response)
}
