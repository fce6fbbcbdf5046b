//! Several nodes, on real servers.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod building;
mod clocks;
mod commands;
mod contract;
mod drain;
mod evictions;
mod failover;
mod faults;
mod floods;
mod layers;
mod message_verdicts;
mod nodes;
mod outages;
mod privacy;
mod quotas;
mod recovery;
mod revocations;
mod scale;
mod sharded;
mod stream_moves;
mod tickets;
mod verdicts;
