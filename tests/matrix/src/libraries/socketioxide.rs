//! socketioxide, whose service runs on hyper without a framework.

use ::socketioxide::{
    SocketIo,
    extract::{Data, SocketRef},
};
use bytes::Bytes;
use serde_json::Value;
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use super::library::{Bare, boxed, never};
use crate::stack::MAX_BYTES;

pub(super) fn serve() -> Bare {
    let (service, io) = SocketIo::builder().max_payload(MAX_BYTES as u64).build_svc();
    io.ns("/", connected);
    BoxCloneSyncService::new(ServiceBuilder::new().map_response(boxed).map_err(never).service(service))
}

async fn connected(socket: SocketRef) {
    socket.on("say", async |socket: SocketRef, Data(said): Data<Value>| {
        // The client may have gone.
        let _sent = socket.emit("said", &said);
    });
    socket.on("bytes", async |socket: SocketRef, Data(said): Data<Bytes>| {
        let _sent = socket.emit("said", &said);
    });
}
