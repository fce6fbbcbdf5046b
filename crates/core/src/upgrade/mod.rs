//! The interception of the upgrade.
//!
//! hyper hands an upgraded connection to whatever took `OnUpgrade` from the request's extensions. That value cannot be
//! constructed, but one can be had: an HTTP/1.1 connection of hyper's is run over an I/O object of ours that first
//! yields a fixed upgrade request, swallows the response, and then becomes the guarded connection. What its service
//! finds in the request is an `OnUpgrade` that resolves to the guarded connection, once the real one has.
//!
//! What carries the connection, one of its own or a stream of HTTP/2, is told by the version of the request, as the
//! outermost layer sees it: a middleware that presents HTTP/2 as HTTP/1.1 belongs inside of that layer.
//!
//! A layer that guards is [`call()`] and a decision, or [`decide()`] where that may have to wait for somebody else.
//! [`intercept()`] is what they are made of, for a layer that must know more before it sets a connection up.

mod call;
mod decide;
mod deciding;
mod future;
mod guarded;
mod intercept;
mod interception;

pub use self::{
    call::{call, call_with},
    decide::{Admission, decide},
    deciding::{AdmissionVerdict, Deciding},
    future::ResponseFuture,
    guarded::GuardedHandshake,
    intercept::{intercept, intercept_with},
};
