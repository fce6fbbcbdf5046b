//! Runs of the fuzz targets. libFuzzer needs no nightly toolchain without a sanitizer: the code under test
//! has no unsafe code of its own, and says by assertions what must hold.

use std::process::Command;

use crate::step::{Step, root, target_dir};

const TARGETS: [&str; 4] = ["frame", "guard", "origin", "token"];
const FLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Each target for some seconds, going on with what earlier runs have found.
pub(crate) fn run(seconds: u32) -> Vec<Step> {
    // A triple of its own keeps the flags from build scripts.
    let triple = host();
    let folder = target_dir().join("fuzz");
    let build = format!("build --quiet --release --manifest-path fuzz/Cargo.toml --target {triple}");
    let mut steps =
        vec![Step::cargo("fuzz targets", &build).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", folder.clone())];
    for target in TARGETS {
        let corpus = root().join("fuzz/corpus").join(target);
        let program = folder.join(&triple).join("release").join(target).display().to_string();
        let line =
            format!("-max_total_time={seconds} -timeout=10 -rss_limit_mb=2048 -verbosity=0 -create_missing_dirs=1");
        let artifacts = root().join("fuzz/artifacts").join(target);
        let step = Step::program(format!("fuzzing {target} for {seconds} s"), program, &line)
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(corpus.display().to_string());
        steps.push(step);
    }
    steps
}

/// The triple of this machine, as its compiler names it.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&output);
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned()
}
