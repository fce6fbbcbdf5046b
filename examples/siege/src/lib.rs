//! Two attackers of WebSocket servers, on the same client that writes bytes.
//!
//! [`siege`] starts a bare axum server and a guarded one and attacks both. [`audit`] attacks a running server that its
//! operator names, from outside.

mod attacks;
pub mod audit;
mod beside;
mod deploy;
#[cfg(test)]
mod documented;
mod guarded;
mod handlers;
mod page;
mod raw;
mod saw;
mod server;
mod side;
mod siege;
mod table;
mod tokens;

pub use self::siege::siege;

/// Whatever went wrong; it is only reported.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
