//! Snapshots of the live connections, shared by all viewers.
//!
//! A snapshot is taken on demand, at most once per interval. Each query walks over it once and sorts only the rows of
//! one page.

mod cache;
mod holders;
mod query;
mod row;
mod select;
mod take;

pub(crate) use self::{
    cache::Snapshots,
    query::Query,
    row::{Rates, Row},
    take::Snapshot,
};
