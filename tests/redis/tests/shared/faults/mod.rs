//! Faults of all kinds at once, against the truth.
//!
//! Six nodes, each a process behind a proxy of its own, are told at random to take and leave permits, use tickets, let
//! connections in, revoke their tokens or kick them, send messages, drain and depart. Meanwhile they are killed and
//! stopped, cut off, held back and delayed, and Redis stops, begins anew and is flushed. What is really so is kept in
//! the memory of this process, which has seen each answer.
//!
//! - [`permits`]: no key has more than its limit, but for what fenced nodes had kept; at the end the store has what is
//!   live.
//! - [`tickets`]: each is used once, unless the store lost its data in between.
//! - [`strikes`]: what was revoked or kicked ends on each node that says that it has heard everything, and nothing else
//!   ends. A revoked token lets nobody in after `stale_after`.
//! - [`messages`]: each window of a quota is within its bound.
//!
//! No bound is one of time on the wall. Where something takes time, the node concerned says whether it has heard of it,
//! and is given turns of its own runtime.

mod client;
mod messages;
mod permits;
mod run;
mod storms;
mod strikes;
mod tickets;
mod world;
