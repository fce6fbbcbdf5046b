//! jsonrpsee, whose service runs on hyper with a custom accept loop.

use ::jsonrpsee_server::{RpcModule, Server, ServerConfig, StopHandle, stop_channel};
use hyper::{Request, body::Incoming};
use serde_json::Value;
use tower::{Service, service_fn, util::BoxCloneSyncService};

use super::library::{Bare, Failed, boxed};

pub(super) fn serve() -> Bare {
    let mut methods = RpcModule::new(());
    methods.register_method("say", |params, (), _| params.one::<Value>()).unwrap();
    let (stop, handle): (StopHandle, _) = stop_channel();
    let builder = Server::builder().set_config(ServerConfig::default()).to_service_builder();
    BoxCloneSyncService::new(service_fn(move |request: Request<Incoming>| {
        // The server stops when it is dropped.
        let _runs_on = handle.clone();
        let answer = builder.clone().build(methods.clone(), stop.clone()).call(request);
        async move { Ok(boxed(answer.await.map_err(Failed::new)?)) }
    }))
}
