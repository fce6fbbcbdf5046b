//! The matrix, with one test per row of the table in README.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use matrix::{
    libraries::LIBRARIES,
    table::{HEAD, Row},
};

const README: &str = include_str!("../../../../README.md");
const GUIDE: &str = include_str!("../../../../crates/portcullis/docs/guide/libraries.md");
const MANIFEST: &str = include_str!("../../../../Cargo.toml");

/// Runs all checks of a library, and compares its row with the pages.
fn row(name: &str) {
    let library = LIBRARIES.iter().find(|library| library.name.starts_with(name)).unwrap();
    let row = Row::of(library).to_string();
    println!("{HEAD}\n{row}");
    for page in [README, GUIDE] {
        assert!(page.lines().any(|line| line == row), "the page does not have: {row}");
    }
}

macro_rules! rows {
    ($($test:ident: $name:literal),+ $(,)?) => {
        $(
            #[test]
            fn $test() {
                row($name);
            }
        )+

        /// What has a test.
        const TESTED: &[&str] = &[$($name),+];
    };
}

rows! {
    axum: "axum ",
    hyper_tungstenite: "hyper-tungstenite ",
    fastwebsockets: "fastwebsockets ",
    tokio_websockets: "tokio-websockets ",
    yawc: "yawc ",
    socketioxide: "socketioxide ",
    jsonrpsee: "jsonrpsee-server ",
    async_graphql: "async-graphql-axum ",
    poem: "poem ",
    warp: "warp ",
    salvo: "salvo ",
    upgraded: "hyper ",
}

/// The libraries of a page's table.
fn listed(page: &str) -> Vec<&str> {
    let table = page.split_once(HEAD).expect("the page has the table").1.trim_start().lines();
    table.take_while(|line| line.starts_with("| ")).map(|line| line.split('|').nth(1).unwrap().trim()).collect()
}

#[test]
fn each_row_names_a_library_in_its_tested_version() {
    let names = LIBRARIES.iter().map(|library| library.name).collect::<Vec<_>>();
    for page in [README, GUIDE] {
        assert_eq!(listed(page), names);
    }
    assert_eq!(TESTED.len(), names.len());
    for (name, tested) in names.iter().zip(TESTED) {
        assert!(name.starts_with(tested), "{name} has no test");
        let (package, version) = name.split_once(' ').unwrap();
        let built = MANIFEST.lines().find_map(|line| line.strip_prefix(&format!("{package} = {{ version = \"")));
        assert!(built.is_some_and(|built| built.starts_with(version)), "{package} is built as {built:?}");
    }
}
