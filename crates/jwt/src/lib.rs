//! JWT authentication of WebSocket handshakes, that stays true for as long as the connection lives.

mod error;
mod verify;

pub use crate::{
    error::TokenError,
    verify::{Verification, Verified, Verify},
};
