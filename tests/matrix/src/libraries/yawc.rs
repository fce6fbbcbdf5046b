//! yawc, which compresses over HTTP/1.1, but not over HTTP/2.

use ::yawc::{HttpStream, Options, Role, WebSocket, frame::OpCode};
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::library::{AnyBody, Bare, answering, boxed, status, switching};
use crate::stack::MAX_BYTES;

pub(super) fn serve() -> Bare {
    answering(upgrade)
}

fn options() -> Options {
    Options::default().with_max_payload_read(MAX_BYTES).with_utf8().with_balanced_compression()
}

fn upgrade(mut request: Request<Incoming>) -> Response<AnyBody> {
    if request.version() == Version::HTTP_2 {
        return stream(request);
    }
    let Ok((response, socket)) = WebSocket::<HttpStream>::upgrade_with_options(&mut request, options()) else {
        return status(StatusCode::BAD_REQUEST);
    };
    tokio::spawn(async move {
        if let Ok(socket) = socket.await {
            echo(socket).await;
        }
    });
    boxed(response)
}

fn stream(mut request: Request<Incoming>) -> Response<AnyBody> {
    let response = switching(&request);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        if let Ok(socket) = WebSocket::from_stream(TokioIo::new(upgraded), Role::Server, options()) {
            echo(socket).await;
        }
    });
    response
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocket<S>) {
    while let Some(frame) = socket.next().await {
        if matches!(frame.opcode(), OpCode::Text | OpCode::Binary) && socket.send(frame).await.is_err() {
            return;
        }
    }
}
