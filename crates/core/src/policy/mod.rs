//! What a layer implements to enforce something on a live connection.
//!
//! The guard calls policies with the headers of inbound frames, before any of a frame is delivered, outermost policy
//! first. The frames of one read are offered as a [`Batch`] first, because one decision for each read keeps the guard
//! cheap. A policy that cannot decide about all of them together is called for each frame.
//!
//! # When each method is called
//!
//! | Event | Method | Policies |
//! | --- | --- | --- |
//! | a read brought frames | [`Policy::on_batch`], and [`Policy::on_frame`] for each frame if it asks for that | those with [`Interest::INPUT`], outermost first, until one keeps the frame back |
//! | another policy has kept back what this one passed | [`Policy::on_refund`] | those outside of it |
//! | a peer sends on behind a delayed frame | [`Policy::on_overflow`] | the one that delays |
//! | the subject becomes known | [`Policy::on_authenticated`] | all, once |
//! | a ping of the guard's was answered | [`Policy::on_pong`] | all |
//! | a deadline has passed | [`Policy::on_deadline`] | those whose [`Policy::deadline`] it is |
//!
//! No two methods of one connection run at the same time. After the connection has ended none is called, and the policy
//! is dropped, outside of the lock.

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
