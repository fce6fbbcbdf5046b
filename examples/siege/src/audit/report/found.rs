//! The findings about one server.

use super::{
    super::{
        attack::Attack,
        plan::Plan,
        verdict::{Judged, Verdict},
    },
    Finding,
};

/// The findings of an audit.
#[derive(Debug, Clone)]
pub struct Report {
    pub(super) url: String,
    attacks: Vec<Attack>,
    findings: Vec<Finding>,
}

impl Report {
    pub(in crate::audit) fn new(url: &str, attacks: &[Attack]) -> Self {
        // A query may hold a token.
        let url = url.split('?').next().unwrap_or_default().to_owned();
        Self { url, attacks: attacks.to_vec(), findings: Vec::new() }
    }

    /// Runs a plan to its end.
    ///
    /// # Errors
    ///
    /// A message for the user, if the server does not admit a legitimate client.
    pub fn of(plan: Plan, mut done: impl FnMut(&Finding)) -> Result<Self, String> {
        let mut report = Self::new(&plan.arguments.url, plan.attacks());
        let (run, _) = plan.begin();
        run.run(&mut |_| {}, &mut |finding| {
            done(&finding);
            report.add(finding);
        })?;
        Ok(report)
    }

    pub(in crate::audit) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Marks the remaining attacks as not run.
    pub(in crate::audit) fn interrupt(&mut self) {
        for attack in &self.attacks {
            if !self.findings.iter().any(|finding| finding.attack == attack.name) {
                self.findings.push(Finding::new(attack, Judged::not_run("interrupted")));
            }
        }
    }

    /// The findings, one per attack, in the order in which attacks are listed, although some run concurrently.
    pub fn findings(&self) -> Vec<&Finding> {
        let place = |finding: &Finding| self.attacks.iter().position(|attack| attack.name == finding.attack);
        let mut findings: Vec<_> = self.findings.iter().collect();
        findings.sort_by_key(|finding| place(finding).unwrap_or(usize::MAX));
        // A failed control takes the place of the last legitimate client: the first of both has the reason.
        findings.dedup_by_key(|finding| finding.attack);
        findings
    }

    pub(in crate::audit) fn done(&self) -> usize {
        self.findings.len()
    }

    pub(in crate::audit) fn all(&self) -> usize {
        self.attacks.len()
    }

    /// How many findings have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings().iter().filter(|finding| finding.verdict == verdict).count()
    }

    /// Whether an attack got through, or a legitimate client did not. With `unclear`, unclear verdicts count as well.
    pub fn has_failed(&self, unclear: bool) -> bool {
        let verdicts = self.findings().into_iter().map(|finding| finding.verdict);
        verdicts.into_iter().any(|verdict| is_failure(verdict, unclear))
    }
}

/// Whether this verdict makes an audit fail.
pub(super) fn is_failure(verdict: Verdict, unclear: bool) -> bool {
    match verdict {
        Verdict::Through | Verdict::TurnedAway => true,
        Verdict::Unclear => unclear,
        Verdict::Stopped | Verdict::NotRun | Verdict::Served => false,
    }
}
