//! An event in the history, with its reason.

use std::{net::IpAddr, time::SystemTime};

use portcullis_core::identity::Subject;

use crate::mask::Mask;

/// The longest reason that is kept, in characters. A peer may have written it.
const LONGEST: usize = 300;

/// An event, or several equal ones in a row.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// When it last happened.
    pub(crate) at: SystemTime,
    /// How many times in a row.
    pub(crate) times: u64,
    pub(crate) event: Recorded,
}

/// An event without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// A refusal's kind, or a close code.
    pub(crate) kind: &'static str,
    /// Which side closed, or whether a handshake or a plain request was refused.
    pub(crate) by: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    pub(crate) client: Option<IpAddr>,
    pub(crate) subject: Option<Subject>,
}

impl Recorded {
    pub(crate) fn shorten(reason: &str) -> String {
        reason.chars().take(LONGEST).collect()
    }
}

/// An operator's action.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) at: SystemTime,
    pub(crate) operator: String,
    pub(crate) action: &'static str,
    pub(crate) target: ActedOn,
    /// With what, such as a close code and a reason.
    pub(crate) with: String,
    /// Its outcome, in words.
    pub(crate) result: String,
}

/// What an action was applied to. It is kept unmasked, because clones of a console differ in what they mask.
#[derive(Debug, Clone)]
pub(crate) enum ActedOn {
    Subject(Subject),
    Client(IpAddr),
    /// Something that needs no mask, such as the id of a connection.
    Other(String),
}

impl ActedOn {
    /// The target as operators see it.
    pub(crate) fn shown(&self, mask: &Mask) -> String {
        match self {
            Self::Subject(subject) => format!("all of subject {:?}", mask.subject(subject).name()),
            Self::Client(address) => format!("all of address {}", mask.address(*address)),
            Self::Other(what) => what.clone(),
        }
    }
}
