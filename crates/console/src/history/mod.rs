//! The history: counts for each minute of the last hour, and the last events of each group with their reasons. All of
//! it is bounded, whatever a peer sends.

mod entry;
mod minutes;
mod observed;

pub(crate) use self::{
    entry::{ActedOn, Done, Entry},
    observed::{Group, History, Seen},
};
