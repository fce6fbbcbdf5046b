//! Where a handshake carries its token, and how it is taken from there.
//!
//! Each source reads all values of its header, and two tokens where one is expected are an error: another reader might
//! take the other one. Tokens in queries and subprotocols are removed, and headers that stay are marked as sensitive.

mod bearer;
mod cookie;
mod protocol;
mod query;
mod sensitive;
mod take;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use self::{
    take::{Source, Taken, remove_credentials, take},
    token::Token,
};
