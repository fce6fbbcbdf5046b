//! Two attackers of WebSocket servers, which share a client that writes raw bytes.
//!
//! [`siege`] starts a bare axum server and a guarded one and attacks both. [`audit`] attacks a running server from
//! outside, on behalf of its operator.

mod attacks;
pub mod audit;
mod beside;
mod deploy;
#[cfg(test)]
mod documented;
mod guarded;
mod handlers;
mod observation;
mod page;
mod raw;
mod server;
mod side;
mod siege;
mod table;
mod tokens;

pub use self::siege::siege;

/// Any error: it is only reported.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
