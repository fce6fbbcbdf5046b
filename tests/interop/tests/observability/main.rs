//! Metrics and logs. Separate from the other tests, whose connections would be counted and logged, too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod metrics;
mod traces;
