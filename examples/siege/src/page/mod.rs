//! What the script of a page observes of its `WebSocket`.
//!
//! - A refused handshake, a lost connection and a frame that breaks a rule all look the same: 1006, without a reason,
//!   not clean.
//! - From a close frame it gets the code and the reason, or 1005 if it is empty. The browser answers the frame, so the
//!   close is clean.
//!
//! So a refused handshake is repeated as a browser would send it: with an `Origin`, which decides how the server may
//! respond. `tests/browser` shows what a real Chromium observes.

mod event;
#[cfg(test)]
mod tests;
mod visit;

pub(crate) use self::{
    event::Page,
    visit::{OWN, Visit},
};
