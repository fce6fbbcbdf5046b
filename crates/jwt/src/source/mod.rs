//! Where a handshake carries its token, and how it is taken from there.

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
