//! The report for people.

use std::fmt::Write as _;

use super::{super::verdict::Verdict, Finding, Report};

impl Report {
    /// A line per attack, followed by advice on those that got through.
    pub fn to_table(&self) -> String {
        let mut out = format!("{}\n\n{:<38}{:<16}the client observed\n", self.url, "", "verdict");
        let mut group = "";
        for finding in self.findings() {
            if finding.group.name != group {
                group = finding.group.name;
                line(&mut out, group);
            }
            line(&mut out, &format!("  {:<36}{:<16}{}", finding.attack, finding.verdict, finding.observed));
        }
        for finding in self.findings().into_iter().filter(|finding| needs_advice(finding)) {
            advise(&mut out, finding);
        }
        let _never_fails = write!(out, "\n{}", self.counts());
        out
    }

    fn counts(&self) -> String {
        let words = [
            (Verdict::Stopped, "stopped"),
            (Verdict::Through, "let through"),
            (Verdict::Unclear, "unclear"),
            (Verdict::NotRun, "not run"),
            (Verdict::Served, "legitimate clients served"),
            (Verdict::TurnedAway, "legitimate clients turned away"),
        ];
        let counted = words.map(|(verdict, words)| (self.count(verdict), words));
        let texts: Vec<_> =
            counted.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}")).collect();
        texts.join(", ")
    }
}

fn needs_advice(finding: &Finding) -> bool {
    matches!(finding.verdict, Verdict::Through | Verdict::TurnedAway)
}

fn advise(out: &mut String, finding: &Finding) {
    let Finding { attack, group, harm, verdict, observed } = finding;
    line(out, &format!("\n{attack}: {verdict} ({observed})"));
    if group.cwe > 0 {
        line(out, &format!("  harm          {harm}"));
        line(out, &format!("  weakness      CWE-{}", group.cwe));
        line(out, &format!("  OWASP         {}", group.owasp));
    }
    line(out, &format!("  remedy        {}", group.remedy));
    line(out, &format!("  Portcullis    {}", group.portcullis));
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}
