//! The tasks of the workspace: `cargo xtask test` and `cargo xtask ci`.

mod step;
mod tasks;

use std::process::ExitCode;

use step::Step;

const USAGE: &str = "\
usage: cargo xtask <task>

tasks:
  test        run every test and every documentation example
  ci          check formatting, lints, documentation, feature sets and fuzz targets
  ci --long   the same, and what builds the dependencies anew";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => run(&tasks::test()),
        ["ci"] => run(&tasks::ci()),
        ["ci", "--long"] => run(&[tasks::ci(), tasks::long()].into_iter().flatten().collect::<Vec<_>>()),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs the steps in order and stops at the first that fails.
fn run(steps: &[Step]) -> ExitCode {
    for step in steps {
        println!("==> {}: {step}", step.name());
        if let Err(failure) = step.run() {
            eprintln!("the step \"{}\" failed: {failure}", step.name());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
