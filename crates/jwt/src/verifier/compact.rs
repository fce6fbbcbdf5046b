//! The compact form of a signed token (RFC 7515, section 3.1): three parts in base64url, with full stops between them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use memchr::memchr_iter;

use crate::error::TokenError;

/// A token's three parts, as they came, and what is signed of it.
pub(super) struct Parts<'a> {
    pub(super) message: &'a [u8],
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a token apart. Nothing is decoded yet.
    pub(super) fn split(token: &'a str) -> Result<Self, TokenError> {
        let mut stops = memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(last), None) = (stops.next(), stops.next(), stops.next()) else {
            return Err(TokenError::Invalid("not three parts"));
        };
        let (message, signature) = (&token[..last], &token[last + 1..]);
        let (header, payload) = (&message[..first], &message[first + 1..]);
        Ok(Parts { message: message.as_bytes(), header, payload, signature })
    }
}

/// Strict: no padding, no other alphabet, no stray bits (RFC 7515, section 2).
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    let mut decoded = Vec::new();
    decode_into(&mut decoded, part)?;
    Ok(decoded)
}

/// The same, in place of what is there.
pub(super) fn decode_into(decoded: &mut Vec<u8>, part: &str) -> Result<(), TokenError> {
    decoded.clear();
    decoded.reserve_exact(part.len() / 4 * 3 + 3);
    BASE64_URL_SAFE_NO_PAD.decode_vec(part, decoded).map_err(|_| TokenError::Invalid("not base64url"))
}
