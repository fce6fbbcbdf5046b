//! The live connections at one moment, looked at once for all viewers.
//!
//! A snapshot is taken when somebody asks, and not more often than once an interval. Each question then walks over it
//! once: nothing is sorted but the rows of one page.

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
