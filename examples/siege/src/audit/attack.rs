//! The definition of an attack of an audit.

use super::{client::Client, group::Group, verdict::Judged};
use crate::Result;

/// An attack on a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    pub(super) name: &'static str,
    pub(super) group: &'static Group,
    /// The harm that it does to a service.
    pub(super) harm: &'static str,
    pub(super) load: Load,
    pub(super) run: fn(&Client) -> Result<Judged>,
}

/// The load that an attack puts on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A few bytes.
    Light,
    /// A flood, or a bomb.
    Heavy,
    /// A few bytes, and the time of the silence limit: all of these run concurrently.
    Slow,
    /// A flood, and the time of the silence limit.
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
