//! Checks the tables of attacks in README and the guide's threat model against the attacks themselves.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::attacks::{self, Attack, Want};

const README: &str = include_str!("../../../README.md");
const THREATS: &str = include_str!("../../../crates/portcullis/docs/guide/threat_model.md");

/// The files with the layers of the guarded server.
const LAYERS: [&str; 4] = [
    include_str!("guarded.rs"),
    include_str!("tokens.rs"),
    include_str!("beside.rs"),
    "DrainLayer", // `Drain::layer` makes it
];

/// A row of a table about attacks.
struct Row {
    attack: &'static str,
    layer: &'static str,
    sees: &'static str,
}

/// The rows whose first column ends with the attack's name in italics, in parentheses.
fn rows(page: &'static str) -> Vec<Row> {
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let rows = page.lines().filter(|line| line.starts_with('|')).map(cells);
    let of_attack = |cells: Vec<&'static str>| {
        let attack = cells.get(1)?.rsplit_once("(*")?.1.strip_suffix("*)")?;
        Some(Row { attack, layer: cells[2], sees: cells[3] })
    };
    rows.filter_map(of_attack).collect()
}

fn find(name: &str) -> &'static Attack {
    attacks::all().find(|attack| attack.name == name).unwrap_or_else(|| panic!("the siege has no attack \"{name}\""))
}

/// The texts that a row must contain to agree with the expected outcome.
fn texts_of(want: Want) -> Vec<String> {
    match want {
        Want::Because(code, why) | Want::Replaced(code, why) => vec![code.to_string(), format!("\"{why}\"")],
        Want::EmptyClose => vec!["1005".to_owned()],
        Want::Lost => vec!["1006".to_owned()],
        Want::Refused(status, code) => vec![format!("HTTP {status}"), code.to_string()],
        Want::Denied(status) => vec![format!("HTTP {status}")],
        Want::NotLogged | Want::Echoed | Want::Answered(_) => vec![],
    }
}

fn agrees(row: &Row) {
    for text in texts_of(find(row.attack).want) {
        assert!(row.sees.contains(&text), "{}: \"{}\" does not contain {text}", row.attack, row.sees);
    }
    for layer in row.layer.split('`').skip(1).step_by(2) {
        let named = layer.split(['(', '<', ':']).next().unwrap();
        assert!(LAYERS.iter().any(|code| code.contains(named)), "{}: the siege has no {named}", row.attack);
    }
}

#[test]
fn the_table_of_the_readme_agrees_with_the_siege() {
    let rows = rows(README);
    assert!(rows.len() >= 15, "{} rows", rows.len());
    rows.iter().for_each(agrees);
}

#[test]
fn the_threat_model_lists_every_attack_once() {
    let rows = rows(THREATS);
    rows.iter().for_each(agrees);
    let mut listed: Vec<_> = rows.iter().map(|row| row.attack).collect();
    let mut carried_out: Vec<_> =
        attacks::all().filter(|attack| !attack.want.is_legitimate()).map(|attack| attack.name).collect();
    listed.sort_unstable();
    carried_out.sort_unstable();
    assert_eq!(listed, carried_out);
}
