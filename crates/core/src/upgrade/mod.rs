//! The interception of the upgrade.
//!
//! hyper hands an upgraded connection to whatever took `OnUpgrade` from the request's extensions. That value cannot be
//! constructed, but one can be had: an HTTP/1.1 connection of hyper's is run over an I/O object of ours that first
//! yields a fixed upgrade request, swallows the response, and then becomes the guarded connection. What its service
//! finds in the request is an `OnUpgrade` that resolves to the guarded connection, once the real one has.
//!
//! [`enter`] is for whoever writes a layer; `PolicyLayer` is made of it.

mod enter;
mod future;
mod guarded;
mod inner;

pub use self::{
    enter::{enter, enter_with},
    future::ResponseFuture,
    guarded::Guarded,
};
pub use crate::{
    gate::Gate,
    settings::{Closing, Settings},
};
