//! Attacks a running WebSocket server from outside, and says what it let through.
//!
//! - It is told what a legitimate client knows: the page's own origin, a token and where it goes, a message that the
//!   server understands, and the limits that its operator believes in.
//! - A verdict is what the client sees: [`Verdict::Stopped`], [`Verdict::Through`], or [`Verdict::Unclear`] where that
//!   cannot be told from outside. Legitimate clients come first and last, and between any two attacks: a server that
//!   refuses everybody fails.
//! - It is no weapon. It attacks loopback alone, unless its operator names the host of the URL a second time; floods
//!   and bombs elsewhere need an option of their own; what it sends and holds has caps that no option raises.
//!
//! **What this does not do.** It knows nothing of what an application means by its messages, of authorization between
//! users, or of what a server writes to its logs.

mod arguments;
mod attack;
mod attacks;
mod caps;
mod client;
mod command;
mod facts;
mod group;
mod hello;
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
