//! One run of a program or one check in this process, with the name that a failure is reported under.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CARGO: &str = "cargo";

/// A run of a program, by default in the root of the workspace, or a check in this process.
pub(crate) struct Step {
    name: String,
    action: Action,
    requirement: Option<Requirement>,
}

enum Action {
    Program(Program),
    Check { what: &'static str, check: Box<dyn Fn() -> Result<(), String>> },
}

struct Program {
    path: String,
    arguments: Vec<String>,
    variables: Vec<(&'static str, OsString)>,
    folder: PathBuf,
    remedy: Option<&'static str>,
}

struct Requirement {
    is_met: fn() -> bool,
    otherwise: &'static str,
}

/// How a step ended that did not fail.
pub(crate) enum Outcome {
    Done,
    /// What is missing on this machine.
    Skipped(&'static str),
}

impl Step {
    /// A step that runs cargo with the words of `line` as arguments.
    pub(crate) fn cargo(name: impl Into<String>, line: &str) -> Self {
        Self::program(name, CARGO, line)
    }

    /// A step that runs any program with the words of `line` as arguments.
    pub(crate) fn program(name: impl Into<String>, program: impl Into<String>, line: &str) -> Self {
        let arguments = line.split_whitespace().map(str::to_owned).collect();
        let (path, folder) = (program.into(), root());
        let program = Program { path, arguments, variables: Vec::new(), folder, remedy: None };
        Self { name: name.into(), action: Action::Program(program), requirement: None }
    }

    /// A step that this process does itself; `what` says what it does.
    pub(crate) fn check(
        name: impl Into<String>,
        what: &'static str,
        check: impl Fn() -> Result<(), String> + 'static,
    ) -> Self {
        Self { name: name.into(), action: Action::Check { what, check: Box::new(check) }, requirement: None }
    }

    pub(crate) fn env(self, key: &'static str, value: impl Into<OsString>) -> Self {
        self.change(|program| program.variables.push((key, value.into())))
    }

    /// One more argument, which may hold spaces.
    pub(crate) fn arg(self, argument: impl Into<String>) -> Self {
        self.change(|program| program.arguments.push(argument.into()))
    }

    pub(crate) fn folder(self, folder: impl Into<PathBuf>) -> Self {
        self.change(|program| program.folder = folder.into())
    }

    /// What to do by hand where the step fails.
    pub(crate) fn remedy(self, sentence: &'static str) -> Self {
        self.change(|program| program.remedy = Some(sentence))
    }

    /// Skips the step where something is missing on this machine.
    pub(crate) fn requires(mut self, is_met: fn() -> bool, otherwise: &'static str) -> Self {
        self.requirement = Some(Requirement { is_met, otherwise });
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the step; an error says how it ended, and the remedy if there is one.
    pub(crate) fn run(&self) -> Result<Outcome, String> {
        if let Some(requirement) = self.requirement.as_ref().filter(|requirement| !(requirement.is_met)()) {
            return Ok(Outcome::Skipped(requirement.otherwise));
        }
        match &self.action {
            Action::Program(program) => program.run(),
            Action::Check { check, .. } => check(),
        }?;
        Ok(Outcome::Done)
    }

    fn change(mut self, change: impl FnOnce(&mut Program)) -> Self {
        if let Action::Program(program) = &mut self.action {
            change(program);
        }
        self
    }
}

impl Program {
    fn run(&self) -> Result<(), String> {
        self.wait().map_err(|failure| match self.remedy {
            Some(remedy) => format!("{failure}; {remedy}"),
            None => failure,
        })
    }

    fn wait(&self) -> Result<(), String> {
        let status = command(&self.path)
            .current_dir(&self.folder)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .status()
            .map_err(|error| format!("{} could not be started: {error}", self.path))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` ended with {status}")) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Program(program) => program.fmt(f),
            Action::Check { what, .. } => f.write_str(what),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.variables {
            write!(f, "{key}='{}' ", value.display())?;
        }
        write!(f, "{} {}", self.path, self.arguments.join(" "))
    }
}

/// Whether a program with these arguments ends well: whether it is installed.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let quiet = command(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
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

/// Where cargo builds the workspace.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
