//! The interception of the upgrade.
//!
//! hyper hands an upgraded connection to whatever took `OnUpgrade` from the request's extensions. That value cannot be
//! constructed, but one can be had: an HTTP/1.1 connection of hyper's is run over an I/O object of ours that first
//! yields a fixed upgrade request, swallows the response, and then becomes the guarded connection. What its service
//! finds in the request is an `OnUpgrade` that resolves to the guarded connection, once the real one has.
//!
//! What carries the connection, one of its own or a stream of HTTP/2, is known from the version of the request, as the
//! outermost layer sees it: a middleware that presents HTTP/2 as HTTP/1.1 belongs inside of that layer.
//!
//! A layer that guards consists of [`call()`] and a decision, or of [`decide()`] if the decision may have to wait, or
//! of [`enforce()`] if it refuses nothing. All are built on [`intercept()`], for layers that must know more before they
//! set up a connection.

mod call;
mod decide;
mod deciding;
mod form;
mod future;
mod guarded;
mod intercept;
mod interception;

pub(crate) use self::call::enforce_as;
pub use self::{
    call::{call, enforce},
    decide::{Admission, decide},
    deciding::{AdmissionVerdict, Deciding},
    future::ResponseFuture,
    guarded::GuardedHandshake,
    intercept::{intercept, intercept_with},
};
