//! The guarded connection under several layers and libraries, one module for each question.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod axum;
mod close;
mod closing;
mod connections;
mod drain;
mod drain_clock;
mod ends;
mod errors;
mod gate;
mod jwt;
mod kinds;
mod last_answer;
mod libraries;
mod liveness;
mod no_subject;
mod pages;
mod plain;
mod rate;
mod readme;
mod refusal_body;
mod stood_still;
mod streams;
mod subjects;
mod supervise;
mod turned_away;
mod upgrades;
mod vanished;
