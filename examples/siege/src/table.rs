//! What is printed.

use crate::{attacks::Attack, side::Suffered};

pub(crate) struct Row {
    pub(crate) attack: &'static Attack,
    pub(crate) bare: Suffered,
    pub(crate) guarded: Suffered,
}

impl Row {
    /// Whether the guarded server did as it must, and the bare one too if the client is legitimate.
    pub(crate) fn is_well(&self) -> bool {
        let want = self.attack.want;
        self.guarded.saw.is(want) && (!want.is_legitimate() || self.bare.saw.is(want))
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{:<24} {:<37} guarded", "", "bare axum");
    let heads = format!("{:<17} {:>6} {:>7} {:>4}", "saw", "msgs", "bytes", "ms");
    println!("{:<24} {heads} {heads}", "attack");
    for Row { attack, bare, guarded } in rows {
        println!("{:<24} {} {}", attack.name, cells(bare), cells(guarded));
    }
    let well = rows.iter().filter(|row| row.is_well()).count();
    println!("\nmsgs and bytes reached the handler; ms is the server's CPU time, in steps of 10");
    println!("{well} of {} as they must be", rows.len());
    for Row { attack, bare, guarded } in rows.iter().filter(|row| !row.is_well()) {
        println!("not as it must be: {} (bare: {}; guarded: {})", attack.name, bare.saw, guarded.saw);
    }
}

fn cells(Suffered { saw, messages, bytes, cpu_ms }: &Suffered) -> String {
    format!("{:<17} {messages:>6} {bytes:>7} {cpu_ms:>4}", cut(&saw.to_string()))
}

/// The table keeps to 100 columns.
fn cut(text: &str) -> String {
    text.chars().take(17).collect()
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
