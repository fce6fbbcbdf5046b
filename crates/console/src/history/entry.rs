//! One thing that has happened, with its reason.

use std::{net::IpAddr, time::SystemTime};

use portcullis_core::identity::Subject;

/// The longest reason that is kept, in characters. A peer may have written it.
const LONGEST: usize = 300;

/// One thing that has happened, or several of the same in a row.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// When it happened last.
    pub(crate) at: SystemTime,
    /// How often in a row.
    pub(crate) times: u64,
    pub(crate) what: What,
}

/// What has happened, but for the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct What {
    /// A refusal's kind, or a close code.
    pub(crate) kind: &'static str,
    /// Who closed, or what was refused.
    pub(crate) by: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<Subject>,
}

impl What {
    pub(crate) fn shorten(reason: &str) -> String {
        reason.chars().take(LONGEST).collect()
    }
}

/// What an operator did.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) at: SystemTime,
    pub(crate) operator: String,
    pub(crate) action: &'static str,
    /// To what, as operators are shown it.
    pub(crate) target: String,
    pub(crate) came_to: String,
}
