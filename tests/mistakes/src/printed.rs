//! What a process prints about the mistakes in it.

use std::{env, process::Command};

const AGAIN: &str = "PORTCULLIS_MISTAKE";

/// The severity of a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something works, but not as it seems to.
    Warning,
    /// Something does not work.
    Error,
}

/// Runs a test in a separate process, and returns the lines that it prints on stderr about mistakes; `None` in that
/// process. Most messages are printed once per process, so other tests might already have triggered them.
///
/// # Panics
///
/// If the test fails in that process.
pub fn printed(test: &str, run: impl FnOnce()) -> Option<Vec<String>> {
    if env::var_os(AGAIN).is_some() {
        #[cfg(feature = "tracing")]
        crate::log::print();
        run();
        return None;
    }
    let this = env::current_exe().expect("a test is a file");
    let output = Command::new(this).args(["--exact", test, "--nocapture"]).env(AGAIN, "1").output();
    let output = output.expect("a test can be run again");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(stdout.contains("1 passed"), "there is no such test: {test}");
    let about = |line: &&str| ["portcullis: ", "WARN ", "ERROR "].iter().any(|prefix| line.starts_with(prefix));
    Some(printed.lines().filter(about).map(str::to_owned).collect())
}

/// The expected line for a message: in the log, or on stderr without a log.
pub fn expected(level: Level, sentence: &str) -> String {
    let prefix = match (cfg!(feature = "tracing"), level) {
        (false, _) => "portcullis:",
        (true, Level::Warning) => "WARN",
        (true, Level::Error) => "ERROR",
    };
    format!("{prefix} {sentence}")
}
