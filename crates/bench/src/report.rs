//! What is printed.

use crate::{
    functions::Functions,
    parts::FASTER,
    plan::Plan,
    shape::Shape,
    stats::{Round, Spread, added, column, ratio},
};

pub(crate) fn title(plan: &Plan) {
    println!("Guarded against bare axum: medians of {} interleaved rounds (lowest - highest).", plan.rounds);
    println!("core: GuardLayer. rate: three quotas, one of them keyed. every: each layer of the workspace.");
    println!("Server and client: a thread each.");
}

pub(crate) fn speed_head([second, third]: [&str; 2]) {
    println!("\n{:<24}{:>12}   {second:<26}{third:<26}", "per second", "bare");
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

/// Nothing here may grow with the number of others.
pub(crate) fn scale_head(sizes: [u32; 4]) {
    let [first, second, third, fourth] = sizes;
    println!("\n{:<40}{first:>12}{second:>12}{third:>12}{fourth:>12}", "ns of one, by the number of others");
}

pub(crate) fn scale(name: &str, nanos: [f64; 4]) {
    let [first, second, third, fourth] = nanos;
    println!("{name:<40}{first:>12.0}{second:>12.0}{third:>12.0}{fourth:>12.0}");
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

/// Pings come in a tenth of the time that users would set, for a tenth of a minute.
pub(crate) fn pinged(plan: &Plan, rounds: &[Round]) {
    let columns = ["by hand", "keepalive / by hand", "every / by hand"];
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "server's CPU", columns[0], columns[1], columns[2]);
    let (name, by_hand) = (format!("us a minute, 1 of {}", plan.pinged), column(rounds, 0).median);
    println!("{name:<24}{by_hand:>12.1}   {:<26}{:<26}", times(ratio(rounds, 1)), times(ratio(rounds, 2)));
    let [by_hand, keepalive, every] = [0, 1, 2].map(|way| {
        let seconds = column(rounds, way).median * f64::from(plan.pinged) / 1e6;
        format!("{seconds:.3}")
    });
    println!("{:<24}{by_hand:>12}   {keepalive:<26}{every:<26}", "s a minute, all");
    println!("pings every 25 s and their answers, all of it {FASTER} times as fast");
}

pub(crate) fn weight(connections: u32, [second, third]: [&str; 2], rounds: &[Round]) {
    println!("\n{:<24}{:>12}   {second:<26}{third:<26}", "resident bytes", "bare");
    let name = format!("per idle of {connections}");
    let bare = column(rounds, 0).median;
    println!("{name:<24}{bare:>12.0}   {:<26}{:<26}", bytes(added(rounds, 1)), bytes(added(rounds, 2)));
}

fn bytes(Spread { median, low, high }: Spread) -> String {
    format!("{median:+.0} ({low:+.0} - {high:+.0})")
}

pub(crate) fn nagle_head(answers: usize) {
    let name = format!("ms for {answers} answers");
    println!("\n{name:<24}{:<26}{:<26}{:<26}", "bare", "core", "every");
}

pub(crate) fn nagle(name: &str, rounds: &[Round]) {
    let [bare, core, every] = [0, 1, 2].map(|side| times(column(rounds, side)));
    println!("{name:<24}{bare:<26}{core:<26}{every:<26}");
}

pub(crate) fn uncounted() {
    println!("\nwhat follows was not counted: valgrind is not installed");
}

pub(crate) fn costs_head() {
    println!("\n{:<24}{:>12}{:>16}{:>16}", "exactly", "batched", "one at a time", "a connection");
    println!("{:<24}{:>12}{:>16}{:>16}", "", "instructions", "instructions", "heap bytes");
}

pub(crate) fn costs(name: &str, [batched, alone, bytes]: [f64; 3]) {
    println!("{name:<24}{batched:>12.1}{alone:>16.1}{bytes:>16.0}");
}

pub(crate) fn rare(name: &str, sides: [&str; 3], [first, second, third]: Round) {
    let (second, third) = (second - first, third - first);
    let columns = [1, 2].map(|side| format!("{} - {}", sides[side], sides[0]));
    println!("\n{:<24}{:>12}   {:<26}{:<26}", "instructions, about", sides[0], columns[0], columns[1]);
    println!("{name:<24}{first:>12.0}   {:<26}{:<26}", format!("{second:+.0}"), format!("{third:+.0}"));
}

pub(crate) fn shared_head() {
    let columns = ["for one node", "shared - for one", "of its speed", "allocations"];
    println!("\n{:<24}{:>12}   {:<26}{:<16}{}", "instructions", columns[0], columns[1], columns[2], columns[3]);
}

/// Prints a row, and says whether it is within bounds.
pub(crate) fn shared(name: &str, shape: Shape, allocations: f64, [local, shared]: [f64; 2], most: f64) -> bool {
    let name = format!("{name}, {}", shape.path());
    let more = bounded(shared - local, most);
    println!("{name:<24}{local:>12.2}   {more:<26}{:<16.4}{}", local / shared, bounded(allocations, 0.0));
    shared - local <= most && allocations <= 0.0
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

/// Rows of functions that are printed.
const MOST: usize = 100;

pub(crate) fn functions([beside, side]: [&str; 2], bare: &Functions, counted: &Functions) {
    println!("instructions of the server alone, without memset");
    println!("{:<40}{beside:>16}{side:>16}{:>12}", "", "difference");
    for (name, of) in [("all", Functions::all as fn(&Functions) -> f64), ("without hashes", Functions::without_hashes)]
    {
        let (bare, counted) = (of(bare), of(counted));
        println!("{name:<40}{bare:>16.0}{counted:>16.0}{:>+12.0}", counted - bare);
    }
    println!("\n{beside:>12}{side:>12}{:>12}  function", "difference");
    for (name, [bare, counted]) in counted.beside(bare, MOST) {
        println!("{bare:>12.0}{counted:>12.0}{:>+12.0}  {name}", counted - bare);
    }
}

pub(crate) fn cpu_head(rounds: usize) {
    println!(
        "\nserver's CPU, us of one: median (quartiles) of {rounds} rounds. What the first way takes for one of this, and"
    );
    println!("where there are more than two, what the second takes: medians of the ratios within a round");
}

pub(crate) fn cpu(name: &str, ways: &[(&str, Vec<f64>)]) {
    println!("{name}");
    let others = if ways.len() > 2 { 2 } else { 1 };
    for (way, micros) in ways {
        let spread = Spread::quartiles(micros.iter().copied());
        print!("  {way:<16}{:>10.2} ({:.2} - {:.2})", spread.median, spread.low, spread.high);
        for (_, other) in &ways[..others] {
            let ratios = other.iter().zip(micros).map(|(other, this)| other / this);
            print!(" {:>8.2}", Spread::of(ratios).median);
        }
        println!();
    }
}

pub(crate) fn buffers_head() {
    println!("\n{:<24}{:>24}{:>24}{:>24}", "server's CPU, us", "4 KiB", "16 KiB", "128 KiB");
}

pub(crate) fn buffers(name: &str, micros: [Spread; 3]) {
    let [four, sixteen, most] =
        micros.map(|Spread { median, low, high }| format!("{median:.2} ({low:.2} - {high:.2})"));
    println!("{name:<24}{four:>24}{sixteen:>24}{most:>24}");
}

pub(crate) fn idle_head() {
    println!("\n{:<24}{:>12}   {:<26}", "heap, idle connection", "bare", "more");
}

/// Prints a row, and says whether it is within its bound.
pub(crate) fn idle(name: &str, bare: f64, more: f64, most: f64) -> bool {
    println!("{name:<24}{bare:>12.1}   {:<26}", bounded(more, most));
    more <= most
}

pub(crate) fn alone_head() {
    println!("\n{:<24}{:>12}   {:<26}", "server alone, exactly", "first", "difference");
}

/// Prints a row, and says whether it is within its bound.
pub(crate) fn alone(name: &str, first: f64, second: f64, most: f64) -> bool {
    println!("{name:<24}{first:>12.0}   {:<26}", bounded(second - first, most));
    second - first <= most
}
