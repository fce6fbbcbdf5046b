//! One table: attack by server.

use std::{collections::BTreeMap, path::Path};

use siege::audit::{Plan, Report, Verdict};

use crate::{
    Result,
    peer::{OURS, Peer, chosen},
    process::Process,
    token::{OWN, file},
};

/// The limits of all servers, as far as they support them.
const LIMITS: &str = "--burst 40 --rate 20 --size 65536 --bytes 262144 --sockets 20 --handshakes 200 --silence 4";

const LEGEND: &str = "X let through, ? unclear, - not run, ! legitimate client turned away, . stopped or served";

/// The findings about one server.
struct Column {
    name: &'static str,
    found: BTreeMap<&'static str, (Verdict, String)>,
}

/// Audits the servers with these names, and prints what each lets through.
pub(crate) fn print(folder: &Path, names: &[&str]) -> Result<bool> {
    let (mut columns, mut attacks) = (Vec::new(), Vec::new());
    for peer in chosen(names)? {
        eprintln!("auditing {}", peer.name);
        let report = audit(peer, folder)?;
        let found = report.findings();
        attacks = found.iter().map(|finding| finding.attack()).collect();
        let found = found.iter().map(|finding| (finding.attack(), (finding.verdict(), finding.observed().to_owned())));
        columns.push(Column { name: peer.name, found: found.collect() });
    }
    println!("{}", head(&columns));
    for attack in &attacks {
        println!("{}", row(attack, &columns));
    }
    println!("{}", sums(&columns));
    println!("\n{LEGEND}");
    println!("limits: {LIMITS}");
    let lost = lost(&attacks, &columns);
    for line in &lost {
        println!("worse than another: {line}");
    }
    Ok(lost.is_empty())
}

fn audit(peer: &Peer, folder: &Path) -> Result<Report> {
    let process = Process::start(peer, folder, 40)?;
    let client = peer.client;
    let mut words = vec![format!("ws://{}{}", process.address, client.path)];
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    option("--origin", OWN);
    option("--message", client.message);
    option("--answer", client.answer);
    for (name, value) in [("--first", client.first), ("--reply", client.reply)] {
        if !value.is_empty() {
            option(name, value);
        }
    }
    if !client.token_in.is_empty() {
        option("--token-in", client.token_in);
        // The short token is used within the first half minute.
        for (name, seconds) in [("--token-file", 3600), ("--short-token-file", 45), ("--expired-token-file", -3600)] {
            option(name, &file(folder, name.trim_start_matches('-'), seconds)?.display().to_string());
        }
    }
    words.extend(LIMITS.split_whitespace().map(str::to_owned));
    let name = peer.name;
    let print = |finding: &siege::audit::Finding| {
        eprintln!("  {name}: {:<36}{:<16}{}", finding.attack(), finding.verdict(), finding.observed());
    };
    Ok(Report::of(Plan::parse(&words)?, print).map_err(|error| format!("{name}: {error}"))?)
}

fn cells(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| format!("{text:>4}")).collect::<Vec<_>>().concat()
}

fn head(columns: &[Column]) -> String {
    let numbered = columns.iter().enumerate();
    let legend: Vec<_> = numbered.map(|(at, column)| format!("{:>3} {}", at + 1, column.name)).collect();
    let numbers = cells((1..=columns.len()).map(|at| at.to_string()));
    format!("{}\n\n{:<38}{numbers}", legend.join("\n"), "")
}

fn row(attack: &str, columns: &[Column]) -> String {
    let marks = cells(columns.iter().map(|column| mark(column.found.get(attack)).to_string()));
    format!("{attack:<38}{marks}")
}

fn sums(columns: &[Column]) -> String {
    let count = |column: &Column| column.found.values().filter(|(verdict, _)| *verdict == Verdict::Through).count();
    let counts = cells(columns.iter().map(|column| count(column).to_string()));
    format!("{:<38}{counts}", "let through")
}

fn mark(found: Option<&(Verdict, String)>) -> char {
    match found.map(|(verdict, _)| *verdict) {
        Some(Verdict::Through) => 'X',
        Some(Verdict::Unclear) => '?',
        Some(Verdict::TurnedAway) => '!',
        Some(Verdict::Stopped | Verdict::Served) => '.',
        Some(Verdict::NotRun) | None => '-',
    }
}

/// Attacks that ours lets through and another server stops.
fn lost(attacks: &[&'static str], columns: &[Column]) -> Vec<String> {
    let Some(ours) = columns.iter().find(|column| column.name == OURS) else { return Vec::new() };
    let bad = |found: Option<&(Verdict, String)>| {
        found.filter(|(verdict, _)| matches!(verdict, Verdict::Through | Verdict::TurnedAway)).cloned()
    };
    let better = |attack: &str| {
        let stops =
            |column: &&Column| matches!(column.found.get(attack), Some((Verdict::Stopped | Verdict::Served, _)));
        columns.iter().find(stops).map(|column| column.name)
    };
    let line = |attack: &&'static str| {
        let (_, observed) = bad(ours.found.get(attack))?;
        Some(format!("{attack} ({observed}), which {} stops", better(attack)?))
    };
    attacks.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &'static str, verdict: Verdict) -> Column {
        Column { name, found: BTreeMap::from([("message flood", (verdict, "it".to_owned()))]) }
    }

    #[test]
    fn an_attack_that_ours_lets_through_and_another_stops_fails() {
        for (ours, theirs, fails) in [
            (Verdict::Through, Verdict::Stopped, true),
            (Verdict::TurnedAway, Verdict::Served, true),
            (Verdict::Through, Verdict::Through, false),
            (Verdict::Through, Verdict::NotRun, false),
            (Verdict::Stopped, Verdict::Stopped, false),
            (Verdict::Unclear, Verdict::Stopped, false),
        ] {
            let columns = [column(OURS, ours), column("another", theirs)];
            assert_eq!(!lost(&["message flood"], &columns).is_empty(), fails, "{ours:?} {theirs:?}");
        }
    }
}
