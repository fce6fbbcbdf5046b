//! Which other crates the public API names: a new major version of one of these is a breaking change.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};

use serde_json::Value;

use crate::package::published;
use crate::step::{Step, target_dir};

/// In the environment of this program where cargo calls it as rustdoc: the real one.
const RUSTDOC: &str = "XTASK_RUSTDOC";
/// The crates that may be named, a line for each crate of the workspace.
const ALLOWED: &str = include_str!("../external-crates.txt");
/// Nothing that others depend on.
const OWN: [&str; 4] = ["alloc", "core", "proc_macro", "std"];

/// Describes the public API as rustdoc knows it, and compares the crates that it names with those that may be named.
///
/// rustdoc's description is unstable. Its environment variable for that allows it on a stable toolchain, and reaches
/// nothing but rustdoc, which is called through this program: so the dependencies that the lints have checked serve
/// here.
pub(crate) fn external_crates() -> Result<Vec<Step>, String> {
    let this = env::current_exe().map_err(|error| format!("this program does not know its path: {error}"))?;
    let real = env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
    Ok(vec![
        Step::cargo("the public API", "doc --quiet --workspace --no-deps --all-features --lib --bins --examples")
            .env("RUSTDOC", this)
            .env(RUSTDOC, real)
            .env("RUSTDOCFLAGS", "-Zunstable-options --output-format=json"),
        Step::check("crates in the public API", "compare them with crates/xtask/external-crates.txt", compare),
    ])
}

/// Where cargo has called this program as rustdoc: how that ended.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    let rustdoc = env::var_os(RUSTDOC)?;
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let status = Command::new(rustdoc).args(arguments).env("RUSTC_BOOTSTRAP", "1").status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare() -> Result<(), String> {
    let mut wrong = Vec::new();
    for name in published()? {
        let file = target_dir().join("doc").join(format!("{}.json", name.replace('-', "_")));
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let api = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let (named, allowed) = (named(&api), allowed(ALLOWED, &name));
        wrong.extend(named.difference(&allowed).map(|other| format!("{name} names {other}, which is not allowed")));
        wrong.extend(allowed.difference(&named).map(|other| format!("{name} may name {other}, and does not")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn allowed(table: &str, name: &str) -> BTreeSet<String> {
    let rows = table.lines().filter_map(|line| line.split_once(':'));
    rows.filter(|(owner, _)| *owner == name)
        .flat_map(|(_, names)| names.split_whitespace())
        .map(str::to_owned)
        .collect()
}

/// The other crates whose items the public API names. What other crates implement for all types does not count.
fn named(api: &Value) -> BTreeSet<String> {
    let mut ids = Vec::new();
    for item in api["index"].as_object().into_iter().flat_map(|index| index.values()) {
        let implementation = &item["inner"]["impl"];
        let foreign = !implementation["blanket_impl"].is_null() || implementation["is_synthetic"] == true;
        if item["crate_id"] == 0 && !foreign {
            references(&item["inner"], &mut ids);
        }
    }
    let owner = |id: &u64| api["paths"][id.to_string()]["crate_id"].as_u64().filter(|owner| *owner != 0);
    let name = |owner: u64| api["external_crates"][owner.to_string()]["name"].as_str().map(str::to_owned);
    let names = ids.iter().filter_map(owner).filter_map(name);
    names.filter(|name| !OWN.contains(&name.as_str()) && !name.starts_with("portcullis")).collect()
}

/// The identifiers of paths (`path` and `id`) and of re-exports (`source` and `id`) anywhere within an item.
fn references(value: &Value, ids: &mut Vec<u64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, ids)),
        Value::Object(fields) => {
            let is_path = fields.contains_key("path") || fields.contains_key("source");
            ids.extend(fields.get("id").and_then(Value::as_u64).filter(|_| is_path));
            fields.values().for_each(|value| references(value, ids));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn crates_of_public_types_are_found_and_blanket_implementations_left_out() {
        let reference = |id: u64| json!({"resolved_path": {"path": "T", "id": id, "args": null}});
        let own = |inner| json!({"crate_id": 0, "inner": inner});
        let api = json!({
            "index": {
                "0": own(json!({"function": {"sig": {"inputs": [["a", reference(7)]], "output": reference(8)}}})),
                "1": own(json!({"impl": {"blanket_impl": {"generic": "T"}, "trait": {"path": "T", "id": 9}}})),
                "2": own(json!({"use": {"source": "x::Y", "id": 10}})),
            },
            "paths": {"7": {"crate_id": 1}, "8": {"crate_id": 2}, "9": {"crate_id": 3}, "10": {"crate_id": 4}},
            "external_crates": {
                "1": {"name": "http"}, "2": {"name": "std"}, "3": {"name": "tracing"}, "4": {"name": "x"},
            },
        });
        assert_eq!(named(&api), ["http".to_owned(), "x".to_owned()].into());
    }
}
