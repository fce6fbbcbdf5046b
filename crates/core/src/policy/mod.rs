//! What a layer implements to enforce something on a live connection.
//!
//! A policy is asked about inbound frames by their headers, before any of a frame is delivered. Policies are asked
//! outermost first. All frames of one read are offered as a [`Batch`] first, because one decision a read is what makes
//! a guard cheap; a policy that cannot answer for all of them is asked one by one.

mod activity;
mod batch;
mod enforce;
mod report_only;

pub use self::{
    activity::Activity,
    batch::{Batch, Tally},
    enforce::{Action, BatchVerdict, Policy, Verdict},
    report_only::ReportOnly,
};
