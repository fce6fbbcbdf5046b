//! One run of cargo, with the name that a failure is reported under.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A run of cargo in the root of the workspace.
pub(crate) struct Step {
    name: &'static str,
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, OsString)>,
}

impl Step {
    /// A step that runs cargo with the words of `line` as arguments.
    pub(crate) fn cargo(name: &'static str, line: &'static str) -> Self {
        Self { name, arguments: line.split_whitespace().collect(), variables: Vec::new() }
    }

    pub(crate) fn env(mut self, key: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((key, value.into()));
        self
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Waits for the command; an error says how it ended.
    pub(crate) fn run(&self) -> Result<(), String> {
        let status = cargo()
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .status()
            .map_err(|error| format!("cargo could not be started: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}")) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.variables {
            write!(f, "{key}={} ", value.display())?;
        }
        write!(f, "cargo {}", self.arguments.join(" "))
    }
}

/// The cargo that runs this program, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The root of the workspace, two folders above this package.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("this package lies in crates/xtask").to_path_buf()
}
