//! The servers of this package, on axum.

mod by_hand;
mod ours;
mod serve;

pub(crate) use self::serve::serve;
