//! The report for build servers, as JUnit XML.

use std::fmt::Write as _;

use super::{super::verdict::Verdict, Finding, Report, found::is_failure};

impl Report {
    /// One test per attack. With `unclear`, unclear verdicts are failures.
    pub fn to_junit(&self, unclear: bool) -> String {
        let findings = self.findings();
        let failures = findings.iter().filter(|finding| is_failure(finding.verdict, unclear)).count();
        let skipped = self.count(Verdict::NotRun);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"siege audit {}\" tests=\"{}\" \
             failures=\"{failures}\" skipped=\"{skipped}\">\n",
            escaped(&self.url),
            findings.len()
        );
        for finding in findings {
            case(&mut out, finding, unclear);
        }
        out.push_str("</testsuite>\n</testsuites>\n");
        out
    }
}

fn case(out: &mut String, finding: &Finding, unclear: bool) {
    let Finding { attack, group, verdict, observed, .. } = finding;
    let observed = escaped(observed);
    let inside = match verdict {
        Verdict::NotRun => format!("<skipped message=\"{observed}\"/>"),
        _ if is_failure(*verdict, unclear) => {
            let (name, remedy) = (verdict.name(), escaped(group.remedy));
            format!("<failure type=\"{name}\" message=\"{observed}\">CWE-{}: {remedy}</failure>", group.cwe)
        }
        _ => format!("<system-out>{observed}</system-out>"),
    };
    let _never_fails =
        writeln!(out, "<testcase classname=\"{}\" name=\"{}\">{inside}</testcase>", group.name, escaped(attack));
}

/// Escapes text between tags or quotes. Control characters, which XML forbids, were removed when it was received.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{attacks::all, verdict::Judged};

    #[test]
    fn text_from_a_server_does_not_leave_its_attribute() {
        let attacks = all();
        let mut report = Report::new("ws://127.0.0.1/<b>&c?token=x", &attacks);
        for (attack, judged) in attacks.iter().skip(3).zip([
            Judged::through("1008 \"/><evil a=\"\u{1}\u{ffff}"),
            Judged::unclear("open"),
            Judged::not_run("no token"),
            Judged::stopped("HTTP 403"),
        ]) {
            report.add(Finding::new(attack, judged));
        }
        let xml = report.to_junit(false);
        assert!(xml.contains("tests=\"4\" failures=\"1\" skipped=\"1\""), "{xml}");
        assert!(xml.contains("1008 &quot;/&gt;&lt;evil a=&quot;\u{fffd}\u{fffd}"), "{xml}");
        assert!(xml.contains("siege audit ws://127.0.0.1/&lt;b&gt;&amp;c\""), "{xml}");
        assert!(report.to_junit(true).contains("failures=\"2\""));
        assert!(report.has_failed(false) && report.count(Verdict::Unclear) == 1);
    }
}
