//! What has happened: counts of each minute of an hour, and the last of each kind with their reasons. All of it has a
//! bound, whatever a peer sends.

mod entry;
mod minutes;
mod observed;

pub(crate) use self::{
    entry::{Done, Entry},
    observed::{Group, History, Seen},
};
