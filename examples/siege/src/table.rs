//! What is printed.

use crate::{
    attacks::{Attack, Saw},
    side::Suffered,
};

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
    let heads = format!("{:<17} {:>5} {:>8} {:>4}", "saw", "msgs", "bytes", "ms");
    println!("{:<24} {heads} {heads}", "attack");
    for Row { attack, bare, guarded } in rows {
        println!("{:<24} {} {}", attack.name, cells(bare), cells(guarded));
        let reasons = [reason(bare), reason(guarded)];
        if reasons != ["", ""] {
            println!("{}", format!("{:<24} {:<37} {}", "", reasons[0], reasons[1]).trim_end());
        }
    }
    let well = rows.iter().filter(|row| row.is_well()).count();
    println!("\nmsgs and bytes reached the handler; ms is the server's CPU time, in steps of 10");
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
    // The table keeps to 100 columns.
    format!("{saw:<17.17} {messages:>5} {bytes:>8} {cpu_ms:>4}")
}

/// The reason of a close, on a line of its own.
fn reason(suffered: &Suffered) -> &str {
    match &suffered.saw {
        Saw::Closed { reason, .. } => reason,
        _ => "",
    }
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
