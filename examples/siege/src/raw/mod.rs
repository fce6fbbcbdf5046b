//! A client that writes bytes, because a polite library does not misbehave.

mod allowance;
mod answer;
mod frame;
mod heard;
mod request;
pub(crate) mod sequences;
mod socket;
mod status;
mod streams;
mod tunnel;
mod wire;

pub(crate) use self::{
    allowance::Left,
    answer::Answer,
    frame::{frame, frames},
    heard::{End, Heard},
    request::{Opened, connect, get, offer_h2c, open, open_with, plain},
    socket::{PATIENCE, Raw, is_timeout},
    streams::Streams,
    wire::Wire,
};
