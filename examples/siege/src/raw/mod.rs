//! A client that writes bytes, because a polite library does not misbehave.

mod frame;
mod request;
mod socket;
mod streams;

pub(crate) use self::{
    frame::frame,
    request::{Opened, connect, get, offer_h2c, open, open_with, plain},
    socket::{PATIENCE, Raw, is_timeout},
    streams::Streams,
};
