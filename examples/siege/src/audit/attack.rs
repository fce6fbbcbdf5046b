//! What an attack of an audit is.

use super::{client::Client, group::Group, verdict::Judged};
use crate::Result;

/// One thing that is done to a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) group: &'static Group,
    /// What it does to a service.
    pub(super) harm: &'static str,
    pub(super) load: Load,
    pub(super) run: fn(&Client) -> Result<Judged>,
}

/// What an attack costs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A few bytes.
    Light,
    /// A flood, or a bomb.
    Heavy,
    /// A few bytes, and the time for which silence is tried: all of these run at once.
    Slow,
    /// The same for a flood.
    SlowAndHeavy,
}

impl Load {
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Self::Slow | Self::SlowAndHeavy)
    }

    pub(super) fn is_heavy(self) -> bool {
        matches!(self, Self::Heavy | Self::SlowAndHeavy)
    }
}
