//! A client that is gone leaves nothing behind, in any phase of its connection and however it went, over TCP, TLS and
//! HTTP/2.
//!
//! The table is the product of phases, ways to vanish and protocols. A cell says which layer notices the end, and is
//! run with that layer alone; or it says why there is no such end.

mod client;
mod handlers;
mod row;
mod server;
mod table;
