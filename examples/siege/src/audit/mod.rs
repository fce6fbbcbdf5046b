//! Attacks a running WebSocket server from outside, and reports what it let through.
//!
//! - The operator states what a legitimate client knows: the origin of the page, a token and its place, a message that
//!   the server understands, and the limits that the server is meant to enforce.
//! - A verdict follows from what the client observes: [`Verdict::Stopped`], [`Verdict::Through`], or
//!   [`Verdict::Unclear`] if the observations allow neither. Legitimate clients come first, last, and between any two
//!   attacks: a server that refuses every client fails.
//! - It is not a weapon. It attacks only loopback, unless the operator names the host of the URL a second time; floods
//!   and bombs elsewhere need another option; and no option raises the caps on what it sends and holds.
//!
//! **What this does not do.** It does not know the meaning of an application's messages, the rules of authorization
//! between users, or what a server writes to its logs.

mod arguments;
mod attack;
mod attacks;
mod caps;
mod client;
mod command;
mod facts;
mod group;
mod handshake;
mod limits;
mod plan;
mod report;
mod run;
mod scope;
mod tls;
mod token;
mod verdict;

pub use self::{
    command::command,
    plan::Plan,
    report::{Finding, Report},
    verdict::Verdict,
};
