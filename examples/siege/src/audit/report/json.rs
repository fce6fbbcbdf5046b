//! The report for programs.

use serde_json::{Value, json};

use super::{super::verdict::Verdict, Finding, Report};

impl Report {
    /// One object, on one line.
    pub fn to_json(&self) -> String {
        let findings: Vec<_> = self.findings().into_iter().map(object).collect();
        let count = |verdict: Verdict| self.count(verdict);
        json!({
            "url": self.url,
            "findings": findings,
            "stopped": count(Verdict::Stopped),
            "through": count(Verdict::Through),
            "unclear": count(Verdict::Unclear),
            "not_run": count(Verdict::NotRun),
            "served": count(Verdict::Served),
            "turned_away": count(Verdict::TurnedAway),
        })
        .to_string()
    }
}

fn object(finding: &Finding) -> Value {
    let Finding { attack, group, harm, verdict, observed } = finding;
    json!({
        "attack": attack,
        "kind": group.name,
        "verdict": verdict.name(),
        "observed": observed,
        "harm": harm,
        "cwe": (group.cwe > 0).then_some(group.cwe),
        "owasp": group.owasp,
        "remedy": group.remedy,
        "portcullis": group.portcullis,
    })
}
