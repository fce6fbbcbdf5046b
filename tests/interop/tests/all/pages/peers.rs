//! The tables of other servers, which are the same in the guide and in tests/peers.

use super::source::{files, read};

const GUIDE: &str = "crates/portcullis/docs/guide/other_servers.md";
const BESIDE: &str = "tests/peers/README.md";

/// The printed tables of a page.
fn printed(path: &str) -> Vec<String> {
    let page = read(path);
    page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Each attack with its marks, and the row that counts those that got through.
fn attacks(table: &str) -> (Vec<(String, Vec<char>)>, Vec<usize>) {
    let mut attacks = Vec::new();
    for line in table.lines().filter(|line| line.len() > 38) {
        let (name, cells) = line.split_at(38);
        let cells: Vec<&str> = cells.split_whitespace().collect();
        if name.trim() == "let through" {
            return (attacks, cells.iter().map(|cell| cell.parse().unwrap()).collect());
        }
        if cells.iter().all(|cell| ["X", "?", "-", "!", "."].contains(cell)) {
            attacks.push((name.trim().to_owned(), cells.iter().map(|cell| cell.chars().next().unwrap()).collect()));
        }
    }
    panic!("no row counts what got through");
}

#[test]
fn tables_of_the_guide_are_those_that_were_printed() {
    let tables = printed(GUIDE);
    assert_eq!(tables.len(), 2);
    assert_eq!(tables, printed(BESIDE));
}

#[test]
fn the_table_of_attacks_has_all_of_them_and_counts_right() {
    let tables = printed(GUIDE);
    let (rows, counts) = attacks(&tables[0]);
    let sources: String =
        files("examples/siege/src/audit/attacks", ".rs").into_iter().map(|(_, source)| source).collect();
    for (attack, _) in &rows {
        assert!(sources.contains(&format!("\"{attack}\"")), "{attack} is no attack of an audit");
    }
    assert!(rows.len() > 70, "{}", rows.len());
    for (server, count) in counts.iter().enumerate() {
        let through = rows.iter().filter(|(_, marks)| marks[server] == 'X').count();
        assert_eq!(through, *count, "server {}", server + 1);
    }
}

#[test]
fn ours_stops_what_any_other_stops() {
    let tables = printed(GUIDE);
    let names: Vec<_> = tables[0].lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(names[0], "  1 Portcullis");
    for (attack, marks) in attacks(&tables[0]).0 {
        assert!(marks[0] != 'X' || !marks.contains(&'.'), "{attack}");
        assert_ne!(marks[0], '!', "{attack}");
        assert_eq!(marks.len(), names.len(), "{attack}");
    }
}
