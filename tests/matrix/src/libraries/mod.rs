//! Servers that echo or implement a protocol, without a guard.

mod async_graphql;
mod axum;
mod fastwebsockets;
mod hyper_tungstenite;
mod jsonrpsee;
mod library;
mod poem;
mod raw;
mod salvo;
mod socketioxide;
mod tokio_websockets;
mod warp;
mod yawc;

pub use self::library::{AnyBody, Bare, Failed, LIBRARIES, Library};
