//! Reports for people, programs and build servers.

mod finding;
mod found;
mod json;
mod junit;
mod table;

pub use self::{finding::Finding, found::Report};
