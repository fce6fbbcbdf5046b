//! What the script of a page sees of its `WebSocket`.
//!
//! - A handshake that is not accepted, a connection that is lost and a frame that breaks a rule are all the same to it:
//!   1006, without a reason, not clean.
//! - Of a close frame it reads code and reason, and 1005 if there is none. Its browser answers the frame: it is clean.
//!
//! So a refused handshake is made again, as a browser makes it: it never goes without an `Origin`, which decides how a
//! server may answer. What a real Chromium sees of refusals and of close codes, `tests/browser` shows.

mod event;
#[cfg(test)]
mod tests;
mod visit;

pub(crate) use self::{
    event::Page,
    visit::{OWN, Visit},
};
