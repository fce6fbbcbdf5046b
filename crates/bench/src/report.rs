//! What is printed.

use crate::{
    exact::Shape,
    plan::Plan,
    stats::{Round, Spread, added, column, ratio},
};

pub(crate) fn title(plan: &Plan) {
    println!("Guarded against bare axum: medians of {} interleaved rounds (lowest - highest).", plan.rounds);
    println!("core: GuardLayer. rate: three quotas, one of them keyed. Server and client: a thread each.");
}

pub(crate) fn speed_head() {
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "per second", "bare", "core / bare", "rate / bare");
}

pub(crate) fn speed(name: &str, rounds: &[Round]) {
    let bare = column(rounds, 0).median;
    println!("{name:<24}{bare:>12.0}   {:<26}{:<26}", times(ratio(rounds, 1)), times(ratio(rounds, 2)));
}

fn times(Spread { median, low, high }: Spread) -> String {
    format!("{median:.3} ({low:.3} - {high:.3})")
}

pub(crate) fn checks_head() {
    println!("\n{:<24}{:>12}{:>12}{:>12}{:>12}", "one check, ns", "direct", "1 key", "1,000 keys", "1,000,000");
}

pub(crate) fn checks(name: &str, nanos: [f64; 4]) {
    let [direct, one, thousand, million] = nanos;
    println!("{name:<24}{direct:>12.0}{one:>12.0}{thousand:>12.0}{million:>12.0}");
}

/// Slots double: the first is of less than 128 ns.
pub(crate) fn pauses(slots: &[u64], worst: u128) {
    let total: u64 = slots.iter().sum();
    print!("checks while a million idle keys are swept:");
    for (slot, count) in slots.iter().enumerate().filter(|(_, count)| **count > 0) {
        print!(" <{} ns: {count};", 128_u64 << slot);
    }
    let share = |slot: usize| slots[..=slot].iter().sum::<u64>() * 10_000 >= total * 9_999;
    let p9999 = (0..slots.len()).find(|slot| share(*slot)).map_or(0, |slot| 128_u64 << slot);
    println!(" p99.99 below {p9999} ns, worst {worst} ns");
}

pub(crate) fn connections_head() {
    let columns = ["bare", "core / bare", "limits / bare"];
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "handshakes in memory", columns[0], columns[1], columns[2]);
}

pub(crate) fn registry(entries: usize, insert: f64, remove: f64, iterate: f64) {
    println!("registry of {entries}: {insert:.0} ns to insert, {remove:.0} ns to remove, {iterate:.1} ms to list all");
}

pub(crate) fn tokens_head() {
    let columns = ["by hand", "guarded by hand / hand", "layer / by hand"];
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "handshakes with tokens", columns[0], columns[1], columns[2]);
}

pub(crate) fn refusal([verified, refused]: [Spread; 2]) {
    let share = refused.median / verified.median;
    let (verified, refused) = (verified.median, refused.median);
    println!("RS256: {verified:.1} us to verify, {refused:.2} us to refuse early: {share:.4} of it");
}

pub(crate) fn memory(plan: &Plan, rounds: &[Round]) {
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "resident bytes", "bare", "core - bare", "rate - bare");
    let name = format!("per idle of {}", plan.idle);
    let bare = column(rounds, 0).median;
    println!("{name:<24}{bare:>12.0}   {:<26}{:<26}", bytes(added(rounds, 1)), bytes(added(rounds, 2)));
}

fn bytes(Spread { median, low, high }: Spread) -> String {
    format!("{median:+.0} ({low:+.0} - {high:+.0})")
}

pub(crate) fn exact_head() {
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "per message, exactly", "bare", "core - bare", "rate - bare");
}

/// Prints a row, and says whether it is within bounds, if there are any. What could not be counted exceeds nothing.
pub(crate) fn exact(what: &str, shape: Shape, counted: Option<Round>, bounds: Option<[f64; 2]>) -> bool {
    let name = format!("{what}, {}", shape.path());
    let Some([bare, core, rate]) = counted else {
        println!("{name:<24}{:>12}   not counted: valgrind is not installed", "-");
        return true;
    };
    let (core, rate) = (core - bare, rate - bare);
    let Some(bounds) = bounds else {
        println!("{name:<24}{bare:>12.2}   {:<26}{:<26}", format!("{core:+.2}"), format!("{rate:+.2}"));
        return true;
    };
    println!("{name:<24}{bare:>12.2}   {:<26}{:<26}", bounded(core, bounds[0]), bounded(rate, bounds[1]));
    core <= bounds[0] && rate <= bounds[1]
}

fn bounded(added: f64, bound: f64) -> String {
    let verdict = if added <= bound { "ok" } else { "EXCEEDS" };
    format!("{added:+.2} ({verdict}, {bound:.0})")
}
