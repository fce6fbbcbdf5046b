//! The paths of the compiled crates that the cases use.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// The crates of the workspace by their names in code, each with its file.
pub(crate) struct Crates(Vec<(String, PathBuf)>);

impl Crates {
    /// Queries cargo, with the packages and features that `cargo xtask test` selects: everything is built by then, and
    /// cargo only reports the paths.
    pub(crate) fn built() -> Self {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        env::vars_os().map(|(key, _)| key).filter(is_a_packages_own).for_each(|key| _ = cargo.env_remove(key));
        let output = cargo
            .current_dir(crate::ROOT)
            .args([
                "test",
                "--no-run",
                "--workspace",
                "--all-features",
                "--test=compile_errors",
                "--message-format=json",
            ])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).unwrap();
        Self(messages.lines().filter_map(|line| library(&serde_json::from_str(line).unwrap())).collect())
    }

    /// The compiler's arguments for using them and their dependencies.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let folder = self.0.first().and_then(|(_, file)| file.parent()).expect("the crates are built");
        let mut arguments = vec!["-L".into(), joined("dependency", folder)];
        for (name, file) in &self.0 {
            arguments.extend(["--extern".into(), joined(name, file)]);
        }
        arguments
    }
}

/// Whether cargo has set a variable only for this package. Build scripts that read such variables would run again.
fn is_a_packages_own(variable: &OsString) -> bool {
    let variable = variable.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// The name and the file of a library or macro of the workspace, if that is what a message of cargo reports.
fn library(message: &Value) -> Option<(String, PathBuf)> {
    let (target, files) = (&message["target"], message["filenames"].as_array()?);
    let name = target["name"].as_str()?;
    let is_ours = name.starts_with("portcullis") && matches!(target["kind"][0].as_str()?, "lib" | "proc-macro");
    let file = files
        .iter()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
        .find(|file| file.extension() != Some(OsStr::new("rmeta")))?;
    is_ours.then(|| (name.to_owned(), file))
}

fn joined(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push("=");
    argument.push(path);
    argument
}
