//! One run of a program, with the name that a failure is reported under.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

const CARGO: &str = "cargo";

/// A run of a program in the root of the workspace.
pub(crate) struct Step {
    name: &'static str,
    program: &'static str,
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, OsString)>,
    remedy: Option<&'static str>,
}

impl Step {
    /// A step that runs cargo with the words of `line` as arguments.
    pub(crate) fn cargo(name: &'static str, line: &'static str) -> Self {
        Self::program(name, CARGO, line)
    }

    /// A step that runs any program with the words of `line` as arguments.
    pub(crate) fn program(name: &'static str, program: &'static str, line: &'static str) -> Self {
        let arguments = line.split_whitespace().collect();
        Self { name, program, arguments, variables: Vec::new(), remedy: None }
    }

    pub(crate) fn env(mut self, key: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((key, value.into()));
        self
    }

    /// What to do by hand where the step fails.
    pub(crate) fn remedy(mut self, sentence: &'static str) -> Self {
        self.remedy = Some(sentence);
        self
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits for the command; an error says how it ended, and the remedy if there is one.
    pub(crate) fn run(&self) -> Result<(), String> {
        self.wait().map_err(|failure| match self.remedy {
            Some(remedy) => format!("{failure}; {remedy}"),
            None => failure,
        })
    }

    fn wait(&self) -> Result<(), String> {
        let status = command(self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .status()
            .map_err(|error| format!("{} could not be started: {error}", self.program))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}")) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.variables {
            write!(f, "{key}={} ", value.display())?;
        }
        write!(f, "{} {}", self.program, self.arguments.join(" "))
    }
}

/// The cargo that runs this program, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    command(CARGO)
}

fn command(program: &str) -> Command {
    let same_cargo = env::var_os("CARGO").filter(|_| program == CARGO);
    let mut command = Command::new(same_cargo.unwrap_or_else(|| program.into()));
    command.current_dir(root());
    env::vars_os().map(|(key, _)| key).filter(is_a_packages_own).for_each(|key| _ = command.env_remove(key));
    command
}

/// Whether cargo has set a variable for this package alone. Build scripts that read such variables would run again, and
/// run again once more when cargo is called without them.
fn is_a_packages_own(variable: &OsString) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// The root of the workspace, two folders above this package.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package lies in crates/xtask").to_path_buf()
}
