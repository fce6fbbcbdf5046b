//! The width of comments, which rustfmt does not wrap, and spelling.

use std::fs;
use std::path::Path;

use crate::step::{Step, root, succeeds, target_dir};

const COLUMNS: usize = 120;
/// The version of codespell that is installed where there is none.
const CODESPELL: &str = "codespell==2.4.3";

/// Fails where a comment is wider than the code may be.
pub(crate) fn width() -> Step {
    Step::check("the width of comments", "look for comments of more than 120 columns", || {
        let mut found = Vec::new();
        for folder in ["crates", "examples", "fuzz/fuzz_targets", "tests"] {
            visit(&root().join(folder), &mut |path, text| {
                let name = path.strip_prefix(root()).unwrap_or(path).display();
                found.extend(too_wide(text).map(|line| format!("{name}:{line}")));
            })?;
        }
        if found.is_empty() { Ok(()) } else { Err(format!("wrap these comments by hand:\n{}", found.join("\n"))) }
    })
}

/// Calls `look` with each Rust file under a folder.
pub(crate) fn visit(folder: &Path, look: &mut dyn FnMut(&Path, &str)) -> Result<(), String> {
    let failed = |error| format!("{} could not be read: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            visit(&path, look)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).map_err(failed)?);
        }
    }
    Ok(())
}

/// The numbers of lines that hold a comment and nothing else, and are too wide. Rows of tables and links have no place
/// to break at.
fn too_wide(text: &str) -> impl Iterator<Item = usize> {
    let wide = |line: &str| {
        let comment = line.trim_start();
        let prose = comment.trim_start_matches(['/', '!']).trim_start();
        comment.starts_with("//") && line.chars().count() > COLUMNS && !prose.starts_with('|') && !prose.contains("://")
    };
    text.lines().enumerate().filter(move |(_, line)| wide(line)).map(|(index, _)| index + 1)
}

/// Looks for misspelt words. `.codespellrc` says where, and names words that are right.
pub(crate) fn spelling() -> Vec<Step> {
    if succeeds("codespell", &["--version"]) {
        return vec![Step::program("spelling", "codespell", "")];
    }
    let folder = target_dir().join("codespell");
    let mut steps = Vec::new();
    if !folder.join("codespell_lib").is_dir() {
        let line = format!("-m pip install --quiet {CODESPELL} --target {}", folder.display());
        steps.push(Step::program("codespell, for the spelling", "python3", &line));
    }
    steps.push(Step::program("spelling", "python3", "-m codespell_lib").env("PYTHONPATH", folder));
    steps.into_iter().map(|step| step.requires(pip_is_installed, "codespell, and pip to install it")).collect()
}

fn pip_is_installed() -> bool {
    succeeds("python3", &["-m", "pip", "--version"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_comments_are_found_but_for_tables_and_links() {
        let wide = "word ".repeat(30);
        let text =
            format!("/// {wide}\n//! | {wide} |\n// https://example.com/{wide}\nlet a = \"{wide}\";\n    // {wide}\n");
        assert_eq!(too_wide(&text).collect::<Vec<_>>(), [1, 5]);
    }
}
