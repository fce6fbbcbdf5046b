//! What is printed.

use crate::{attacks::Attack, side::Suffered};

pub(crate) struct Row {
    pub(crate) attack: &'static Attack,
    pub(crate) bare: Suffered,
    pub(crate) guarded: Suffered,
}

impl Row {
    /// Whether the guarded server did as it must.
    pub(crate) fn is_well(&self) -> bool {
        self.guarded.saw.is(self.attack.want)
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{:<25} {:<36} {:<36}", "", "bare axum", "guarded");
    println!(
        "{:<25} {:<21} {:>7} {:>6} {:<21} {:>7} {:>6}",
        "attack", "saw", "msgs", "cpu ms", "saw", "msgs", "cpu ms"
    );
    for Row { attack, bare, guarded } in rows {
        println!(
            "{:<25} {:<21} {:>7} {:>6} {:<21} {:>7} {:>6}",
            attack.name,
            cut(&bare.saw.to_string()),
            bare.messages,
            bare.cpu_ms,
            cut(&guarded.saw.to_string()),
            guarded.messages,
            guarded.cpu_ms
        );
    }
    let well = rows.iter().filter(|row| row.is_well()).count();
    println!("\n{well} of {} as they must be on the guarded server", rows.len());
    for row in rows.iter().filter(|row| !row.is_well()) {
        println!("got through, or did not: {} ({})", row.attack.name, row.guarded.saw);
    }
}

/// The table keeps to 100 columns.
fn cut(text: &str) -> String {
    text.chars().take(21).collect()
}

pub(crate) fn print_json(rows: &[Row]) {
    for row in rows {
        let (bare, guarded) = (side(&row.bare), side(&row.guarded));
        println!(
            "{{\"attack\":{:?},\"as_it_must\":{},\"bare\":{bare},\"guarded\":{guarded}}}",
            row.attack.name,
            row.is_well()
        );
    }
}

fn side(side: &Suffered) -> String {
    let Suffered { saw, messages, bytes, cpu_ms } = side;
    let saw = saw.to_string().replace(['\\', '"'], "'");
    format!("{{\"saw\":\"{saw}\",\"messages\":{messages},\"bytes\":{bytes},\"cpu_ms\":{cpu_ms}}}")
}
