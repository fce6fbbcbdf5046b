//! The result of one attack.

use super::super::{
    attack::Attack,
    verdict::{Judged, Verdict},
};

/// A verdict, with all that is known about its attack.
#[derive(Debug, Clone)]
pub struct Finding {
    pub(super) attack: &'static str,
    pub(super) group: &'static super::super::group::Group,
    pub(super) harm: &'static str,
    pub(super) verdict: Verdict,
    pub(super) observed: String,
}

impl Finding {
    pub(in crate::audit) fn new(attack: &Attack, judged: Judged) -> Self {
        let Judged { verdict, observed } = judged;
        Self { attack: attack.name, group: attack.group, harm: attack.harm, verdict, observed }
    }

    /// The name of the attack.
    pub fn attack(&self) -> &'static str {
        self.attack
    }

    /// Its verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the client observed.
    pub fn observed(&self) -> &str {
        &self.observed
    }
}
