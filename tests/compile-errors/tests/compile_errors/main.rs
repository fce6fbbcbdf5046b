//! The compiler rejects each file in `cases` with the output next to it. With `BLESS=1` in the environment, the
//! expected outputs are updated instead.
//!
//! The compiler is called directly, with the crates that cargo has built for this test. A harness that has cargo check
//! the cases would build every dependency once more, in a target folder of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crates;
mod text;

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crates::Crates;

/// The root of the workspace. Cargo compiles packages there, so the compiler finds their sources again, to quote them.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn a_wrong_derive_is_explained() {
    each_is_refused("tests/compile-errors/cases/derive");
}

#[test]
fn a_wrong_use_of_the_jwt_layer_is_explained() {
    each_is_refused("tests/compile-errors/cases/jwt");
}

fn each_is_refused(folder: &str) {
    let (crates, cases) = (Crates::built(), cases(folder));
    assert!(!cases.is_empty(), "{folder} is empty");
    let wrong: Vec<String> = cases.iter().filter_map(|case| compare(&crates, case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let names = files.map(|file| Path::new(folder).join(file.unwrap().file_name()));
    let mut cases: Vec<_> = names.filter(|name| name.extension() == Some(OsStr::new("rs"))).collect();
    cases.sort();
    cases
}

/// Compares the compiler's output with the expected one. An error describes the difference.
fn compare(crates: &Crates, case: &Path) -> Result<(), String> {
    let printed = compile(crates, case)?;
    let file = Path::new(ROOT).join(case).with_extension("stderr");
    if env::var_os("BLESS").is_some() {
        fs::write(file, printed).unwrap();
        return Ok(());
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if printed == expected {
        return Ok(());
    }
    Err(format!("{}\n\nexpected:\n\n{expected}\nprinted:\n\n{printed}", case.display()))
}

/// The compiler's output; an error if it accepts the case.
fn compile(crates: &Crates, case: &Path) -> Result<String, String> {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .current_dir(ROOT)
        .args(["--edition=2024", "--emit=metadata", "--diagnostic-width=140", "--out-dir", env!("CARGO_TARGET_TMPDIR")])
        .args(crates.arguments())
        .arg(case)
        .output()
        .unwrap();
    if output.status.success() {
        return Err(format!("{} compiles", case.display()));
    }
    Ok(text::normalized(&String::from_utf8(output.stderr).unwrap()))
}
