//! fastwebsockets, on an upgrade of hyper: its own `upgrade` supports only HTTP/1.1.

use ::fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
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
        let mut socket = FragmentCollector::new(WebSocket::after_handshake(TokioIo::new(upgraded), Role::Server));
        while let Ok(frame) = socket.read_frame().await {
            if frame.opcode == OpCode::Close || socket.write_frame(frame).await.is_err() {
                return;
            }
        }
    });
    response
}
