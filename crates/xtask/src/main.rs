//! The tasks of the workspace: `cargo xtask test`, `cargo xtask ci` and what these consist of.

mod api;
mod example;
mod features;
mod fuzz;
mod package;
mod prose;
mod step;
mod tasks;

use std::process::ExitCode;

use step::{Outcome, Step};

const USAGE: &str = "\
usage: cargo xtask <task> [--strict]

tasks:
  test        run every test and every documentation example
  ci          check formatting, prose, lints, documentation, the public API, feature sets and fuzz targets
  ci --long   the same, and all of the following
  package     pack the crates, and build README's examples with what was packed
  minimal     the same, and everything that was packed with the oldest direct dependencies it allows
  features    check the larger crates with each pair of features
  fuzz        run each fuzz target for a minute
  msrv        check the crates with the oldest compiler they allow
  docs        build the documentation as docs.rs does
  deny        check licences, sources and advisories of dependencies
  semver      compare the public API with that of the last release
  peers       audit the servers that tutorials teach beside ours; with --cost, measure them

With --strict, a step that needs something this machine does not have is a failure; else it is skipped.";

fn main() -> ExitCode {
    if let Some(code) = api::as_rustdoc() {
        return code;
    }
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let strict = arguments.iter().any(|argument| argument == "--strict");
    arguments.retain(|argument| argument != "--strict");
    let steps = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => Ok(tasks::test()),
        ["ci"] => tasks::ci(),
        ["ci", "--long"] => tasks::ci().and_then(|steps| Ok([steps, tasks::long()?].into_iter().flatten().collect())),
        ["package"] => package::steps(),
        ["minimal"] => {
            package::steps().and_then(|steps| Ok([steps, package::minimal()?].into_iter().flatten().collect()))
        }
        ["features"] => Ok(features::all()),
        ["fuzz"] => Ok(fuzz::run(60)),
        ["msrv"] => Ok(vec![tasks::msrv()]),
        ["docs"] => Ok(vec![tasks::docs_rs()]),
        ["deny"] => Ok(vec![tasks::deny("dependencies", "deny check")]),
        ["semver"] => tasks::semver(),
        ["peers", ref more @ ..] => Ok(vec![tasks::peers(more)]),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    steps.and_then(|steps| run(&steps, strict)).map_or_else(
        |failure| {
            eprintln!("{failure}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Runs the steps in order and stops at the first that fails.
fn run(steps: &[Step], strict: bool) -> Result<(), String> {
    let mut skipped = Vec::new();
    for step in steps {
        println!("==> {}: {step}", step.name());
        let missing = match step.run() {
            Ok(Outcome::Done) => continue,
            Ok(Outcome::Skipped(missing)) => missing,
            Err(failure) => return Err(format!("the step \"{}\" failed: {failure}", step.name())),
        };
        if strict {
            return Err(format!("the step \"{}\" needs {missing}, which is missing", step.name()));
        }
        println!("skipped: it needs {missing}, which is missing");
        skipped.push(step.name());
    }
    if !skipped.is_empty() {
        println!("skipped for want of tools: {}", skipped.join(", "));
    }
    Ok(())
}
