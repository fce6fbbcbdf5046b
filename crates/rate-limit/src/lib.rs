//! Limits the messages of a live WebSocket, before its library reads them.
//!
//! For an HTTP rate limiter, a WebSocket is one request: after the handshake a client can send a million messages a
//! second. A limiter in the handler does not see what its library consumes, such as pings and empty fragments.
//!
//! - Messages, bytes, control frames and continuation frames have a quota each, and are counted by the headers of
//!   frames, before any of them is delivered.
//! - Each connection has a quota of its own, or all connections of a subject, a client address, a key or the server
//!   share one. A shared quota is not reset by reconnecting.
//! - A frame that exceeds a quota closes the connection (1008), is delayed (the socket is not read, so that TCP slows
//!   the client down and nothing is lost; over HTTP/2 up to 16 KiB are held back: see [`Excess::Delay`]), or is
//!   dropped. What was admitted before is delivered, and the handler can still answer it.
//! - Layers can be combined. The outermost is charged first. What an inner layer delays or drops is given back by those
//!   outside of it, so that a client that exceeds one quota does not use up another. Fragments of a dropped message
//!   that arrive in a later read are charged, because they would be free otherwise. On a close nothing is given back.
//! - A frame with more bytes than the burst of a byte quota can never be admitted: it closes with 1009.
//! - With [`Allowance`], a handler charges messages by what they cost, and changes the quota of a connection.
//!
//! The number of keys is limited: a million by default, of about 100 bytes each, removed when they are idle. When there
//! is no room for a client address, it shares the quotas of its /48 (IPv4: /24) with others in the same situation, and
//! when there is no room for that either, those of its /32 (/16). Other keys share by a few bits of their hash: 4,096
//! groups, then 64. So filling the table with a million addresses of its own gains an attacker nothing, and affects
//! hardly any other client.
//!
//! Plain requests, which are not handshakes, pass: an HTTP rate limiter is for those.
//!
//! **What this does not do**: limit the size of messages that are sent in fragments, or share quotas of bytes, control
//! frames and continuation frames between nodes.
//!
//! # Several nodes
//!
//! A service with two nodes has each quota twice, unless the nodes count messages together: see
//! [`MessageRateLayer::shared`]. No message waits for the store that counts: a node buys messages ahead, in blocks.
//!
//! - Within any time `t`, the nodes on which a key has connections admit at most
//!   `burst + rate * t + nodes * 2 * block` of its messages: what the store sells, the block that each node has in
//!   hand, and another that it may spend before the answer arrives. Since it pays for that with the next block, over
//!   all time it is at most `burst + rate * t + nodes * block`.
//! - With the default block, 20 messages a second in bursts of 40 are bought by fives.
//! - While the store cannot be asked, the nodes divide the quota by default. When it is back, its quota is full, so an
//!   outage lets through at most a burst more.
//! - Two layers that count the same subjects share one quota, unless the store is given a scope for each.
//!
//! # Defaults
//!
//! | Setting | Default |
//! | --- | --- |
//! | scope | each connection |
//! | on excess | close with 1008 and the name of the quota |
//! | control frames, with a message quota | 10 a second in bursts of 30 |
//! | continuation frames, with a message quota | 64 times the message quota, at most 32 empty ones in a message |
//! | longest delay | 30 s |
//! | IPv6 clients | count by /64 |
//!
//! ```
//! use axum::{Router, extract::ws::WebSocketUpgrade, response::Response, routing::any};
//! use portcullis_core::testing::{Handshake, Message};
//! use portcullis_rate_limit::MessageRateLayer;
//!
//! async fn echo(upgrade: WebSocketUpgrade) -> Response {
//!     upgrade.on_upgrade(async |mut socket| {
//!         while let Some(Ok(message)) = socket.recv().await {
//!             let _closed = socket.send(message).await;
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let app = Router::new().route("/ws", any(echo)).layer(MessageRateLayer::per_second(20).burst(40));
//! let mut client = Handshake::new("/ws").connect(app).await?;
//! for number in 0..=40 {
//!     client.send_text(number.to_string()).await?;
//! }
//! for number in 0..40 {
//!     assert_eq!(client.next().await, Some(Message::Text(number.to_string())), "admitted, and answered");
//! }
//! assert_eq!(client.closed().await.unwrap().to_string(), "1008 message rate exceeded");
//! # Ok(()) }
//! ```

#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod allowance;
mod cells;
mod cluster;
mod excess;
mod key;
mod layer;
mod policy;
mod service;
mod settings;
mod shared;
#[cfg(test)]
mod tests;

pub use portcullis_quota::{ByteQuota, Quota};

pub use crate::{
    allowance::{Allowance, Exceeded},
    excess::Excess,
    layer::MessageRateLayer,
    service::MessageRateService,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
