//! JWT authentication of WebSocket handshakes, that stays true for as long as the connection lives.

mod error;
#[cfg(feature = "jwks")]
pub mod jwks;
pub mod verifier;
mod verify;

pub use jsonwebtoken::Algorithm;

pub use crate::{
    error::TokenError,
    verifier::{Key, Keys, Verifier},
    verify::{Verification, Verified, Verify},
};
