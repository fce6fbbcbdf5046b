//! What came of one attack.

use super::super::{
    attack::Attack,
    verdict::{Judged, Verdict},
};

/// A verdict with all that is known of its attack.
#[derive(Debug, Clone)]
pub struct Finding {
    pub(super) attack: &'static str,
    pub(super) group: &'static super::super::group::Group,
    pub(super) harm: &'static str,
    pub(super) verdict: Verdict,
    pub(super) saw: String,
}

impl Finding {
    pub(in crate::audit) fn new(attack: &Attack, judged: Judged) -> Self {
        let Judged { verdict, saw } = judged;
        Self { attack: attack.name, group: attack.group, harm: attack.harm, verdict, saw }
    }

    /// The name of the attack.
    pub fn attack(&self) -> &'static str {
        self.attack
    }

    /// What is said of it.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What the client saw.
    pub fn saw(&self) -> &str {
        &self.saw
    }
}
