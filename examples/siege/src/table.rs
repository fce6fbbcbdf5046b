//! What is printed.

use serde_json::{Value, json};

use crate::{attacks::Attack, page::Page, saw::Saw, side::Suffered};

pub(crate) struct Row {
    pub(crate) attack: &'static Attack,
    pub(crate) bare: Suffered,
    pub(crate) guarded: Suffered,
}

/// The table keeps to so many columns.
const WIDTH: usize = 100;

/// How far the columns of the bare server are from the left, and how wide each server's are.
const LEFT: usize = 25;
const SIDE: usize = 37;

impl Row {
    /// Whether the guarded server did as it must, and the bare one too if the client is legitimate.
    pub(crate) fn is_well(&self) -> bool {
        let want = self.attack.want;
        want.is_met(&self.guarded.saw) && (!want.is_legitimate() || want.is_met(&self.bare.saw))
    }

    fn to_json(&self) -> Value {
        let Self { attack, bare, guarded } = self;
        let (bare, guarded) = (side(bare), side(guarded));
        json!({"attack": attack.name, "as_it_must": self.is_well(), "bare": bare, "guarded": guarded})
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{:LEFT$}{:SIDE$} guarded", "", "bare axum");
    let heads = format!("{:<17} {:>5} {:>8} {:>4}", "saw", "msgs", "bytes", "ms");
    println!("{:LEFT$}{heads} {heads}", "attack");
    for Row { attack, bare, guarded } in rows {
        println!("{:LEFT$}{} {}", attack.name, cells(bare), cells(guarded));
        println!("{}", pages(&page(bare), &page(guarded)));
    }
    let well = rows.iter().filter(|row| row.is_well()).count();
    println!("\nmsgs and bytes reached the handler; ms is the server's CPU time, in steps of 10");
    println!("a page sees code and reason of its CloseEvent, which is clean unless the code is 1006");
    println!("{well} of {} as they must be", rows.len());
    for Row { attack, bare, guarded } in rows.iter().filter(|row| !row.is_well()) {
        println!("not as it must be: {} (bare: {}; guarded: {})", attack.name, bare.saw, guarded.saw);
    }
}

fn cells(Suffered { saw, messages, bytes, cpu_ms }: &Suffered) -> String {
    let saw = match saw {
        Saw::Closed { code: Some(code), .. } => code.to_string(),
        other => other.to_string(),
    };
    format!("{saw:<17.17} {messages:>5} {bytes:>8} {cpu_ms:>4}")
}

fn page(suffered: &Suffered) -> String {
    suffered.saw.page().as_ref().map_or("-".to_owned(), Page::to_string)
}

/// A row's second line. What is too long for its place begins further left.
fn pages(bare: &str, guarded: &str) -> String {
    let room = (WIDTH - LEFT - 1).saturating_sub(guarded.chars().count()).min(SIDE);
    format!("{:LEFT$}{bare:room$} {guarded}", "  a page sees")
}

pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        println!("{}", row.to_json());
    }
}

fn side(Suffered { saw, messages, bytes, cpu_ms }: &Suffered) -> Value {
    let page = saw.page().as_ref().map(Page::to_json);
    json!({"saw": saw.to_string(), "page": page, "messages": messages, "bytes": bytes, "cpu_ms": cpu_ms})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffered(saw: Saw) -> Suffered {
        Suffered { saw, messages: 0, bytes: 0, cpu_ms: 0 }
    }

    #[test]
    fn no_line_is_wider_than_the_table() {
        for length in [1, 36, 37, 38, 60] {
            let line = pages("1006", &"x".repeat(length));
            assert!(line.len() <= WIDTH && line.contains("1006 "), "{line}");
        }
        let cells = cells(&suffered(Saw::Failed("a long story".repeat(9))));
        assert_eq!(cells.len(), SIDE);
        assert_eq!(LEFT + SIDE + 1 + SIDE, WIDTH);
    }

    #[test]
    fn json_says_what_a_page_sees() {
        let refused = Saw::Refused { status: 401, page: Page::closed(Some(3000), "token missing") };
        let event = json!({"event": "close", "code": 3000, "reason": "token missing", "wasClean": true});
        assert_eq!(side(&suffered(refused))["page"], event);
        assert_eq!(side(&suffered(Saw::Answered(200)))["page"], Value::Null);
        assert_eq!(side(&suffered(Saw::Failed("a \"word\"".to_owned())))["saw"], "failed: a \"word\"");
    }
}
