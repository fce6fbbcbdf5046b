//! Prints the results.

use serde_json::{Value, json};

use crate::{attacks::Attack, observation::Observation, page::Page, side::Outcome};

pub(crate) struct Row {
    pub(crate) attack: &'static Attack,
    pub(crate) bare: Outcome,
    pub(crate) guarded: Outcome,
}

/// The width of the table.
const WIDTH: usize = 100;

/// The width of the names of attacks, and of the columns of each server.
const LEFT: usize = 25;
const SIDE: usize = 37;

impl Row {
    /// Whether the outcome on the guarded server is as expected, and for a legitimate client on the bare one, too.
    pub(crate) fn is_as_expected(&self) -> bool {
        let want = self.attack.want;
        want.is_met(&self.guarded.observed) && (!want.is_legitimate() || want.is_met(&self.bare.observed))
    }

    fn to_json(&self) -> Value {
        let Self { attack, bare, guarded } = self;
        let (bare, guarded) = (side(bare), side(guarded));
        json!({"attack": attack.name, "as_expected": self.is_as_expected(), "bare": bare, "guarded": guarded})
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{:LEFT$}{:SIDE$} guarded", "", "bare axum");
    let heads = format!("{:<17} {:>5} {:>8} {:>4}", "outcome", "msgs", "bytes", "ms");
    println!("{:LEFT$}{heads} {heads}", "attack");
    for Row { attack, bare, guarded } in rows {
        println!("{:LEFT$}{} {}", attack.name, cells(bare), cells(guarded));
        println!("{}", pages(&page(bare), &page(guarded)));
    }
    let expected = rows.iter().filter(|row| row.is_as_expected()).count();
    println!("\nmsgs and bytes reached the handler; ms is the server's CPU time, in steps of 10");
    println!("a page sees the code and reason of its CloseEvent, which is clean unless the code is 1006");
    println!("{expected} of {} as expected", rows.len());
    for Row { attack, bare, guarded } in rows.iter().filter(|row| !row.is_as_expected()) {
        println!("unexpected: {} (bare: {}; guarded: {})", attack.name, bare.observed, guarded.observed);
    }
}

fn cells(Outcome { observed, messages, bytes, cpu_ms }: &Outcome) -> String {
    let observed = match observed {
        Observation::Closed { code: Some(code), .. } => code.to_string(),
        other => other.to_string(),
    };
    format!("{observed:<17.17} {messages:>5} {bytes:>8} {cpu_ms:>4}")
}

fn page(outcome: &Outcome) -> String {
    outcome.observed.page().as_ref().map_or("-".to_owned(), Page::to_string)
}

/// A row's second line. A text that is too long for its column starts further left.
fn pages(bare: &str, guarded: &str) -> String {
    let room = (WIDTH - LEFT - 1).saturating_sub(guarded.chars().count()).min(SIDE);
    format!("{:LEFT$}{bare:room$} {guarded}", "  a page sees")
}

pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        println!("{}", row.to_json());
    }
}

fn side(Outcome { observed, messages, bytes, cpu_ms }: &Outcome) -> Value {
    let page = observed.page().as_ref().map(Page::to_json);
    json!({"outcome": observed.to_string(), "page": page, "messages": messages, "bytes": bytes, "cpu_ms": cpu_ms})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(observed: Observation) -> Outcome {
        Outcome { observed, messages: 0, bytes: 0, cpu_ms: 0 }
    }

    #[test]
    fn no_line_is_wider_than_the_table() {
        for length in [1, 36, 37, 38, 60] {
            let line = pages("1006", &"x".repeat(length));
            assert!(line.len() <= WIDTH && line.contains("1006 "), "{line}");
        }
        let cells = cells(&outcome(Observation::Failed("a long story".repeat(9))));
        assert_eq!(cells.len(), SIDE);
        assert_eq!(LEFT + SIDE + 1 + SIDE, WIDTH);
    }

    #[test]
    fn json_has_what_a_page_sees() {
        let refused = Observation::Refused { status: 401, page: Page::closed(Some(3000), "token missing") };
        let event = json!({"event": "close", "code": 3000, "reason": "token missing", "wasClean": true});
        assert_eq!(side(&outcome(refused))["page"], event);
        assert_eq!(side(&outcome(Observation::Answered(200)))["page"], Value::Null);
        assert_eq!(side(&outcome(Observation::Failed("a \"word\"".to_owned())))["outcome"], "failed: a \"word\"");
    }
}
