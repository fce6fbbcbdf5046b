//! A client that writes raw bytes, because a well-behaved library cannot misbehave.

mod allowance;
mod answer;
mod frame;
mod received;
mod request;
pub(crate) mod sequences;
mod socket;
mod status;
mod streams;
mod tunnel;
mod wire;

pub(crate) use self::{
    allowance::Budget,
    answer::Answer,
    frame::{frame, frames},
    received::{End, Received},
    request::{Opened, connect, get, offer_h2c, open, open_with, plain},
    socket::{PATIENCE, Raw, is_timeout},
    streams::Streams,
    wire::Wire,
};
