//! What a layer implements to enforce something on a live connection.
//!
//! The guard calls policies with the headers of inbound frames, before any of a frame is delivered, outermost policy
//! first. The frames of one read are offered as a [`Batch`] first, because one decision for each read keeps the guard
//! cheap. A policy that cannot decide about all of them together is called for each frame.

mod activity;
mod batch;
mod enforce;
mod interest;
mod report_only;

pub use self::{
    activity::Activity,
    batch::{Batch, Tally},
    enforce::{Action, BatchVerdict, Policy, Verdict},
    interest::Interest,
    report_only::ReportOnly,
};
