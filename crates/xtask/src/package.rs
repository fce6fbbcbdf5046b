//! The packages as they would be published: complete, and enough for README's examples in a project of their own.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::example::{self, Example};
use crate::prose::visit;
use crate::step::{Step, root, target_dir};

/// What each package holds besides its code.
const REQUIRED: [&str; 3] = ["Cargo.toml", "LICENSE", "README.md"];

/// Packs the crates that are published, and builds README's examples with what was packed.
pub(crate) fn steps() -> Result<Vec<Step>, String> {
    let (names, examples) = (published()?, examples()?);
    let mut steps = vec![
        Step::cargo(
            "packing",
            &format!("package --no-verify --allow-dirty --exclude-lockfile --quiet -p {}", names.join(" -p ")),
        ),
        Step::check("what packages hold", "unpack the packages outside of the workspace, and look into them", unpack),
        Step::check("projects with README's examples", "write a project for each example", write_projects),
    ];
    for (index, example) in examples.iter().enumerate() {
        let verb = if example.runs { "run" } else { "build" };
        let name = format!("README's example {} with what was packed", index + 1);
        steps.push(built(Step::cargo(name, verb).folder(project(index))));
    }
    Ok(steps)
}

/// The same with the oldest versions of direct dependencies that the packages allow. The lock file is made with an
/// unstable option of cargo's, which its environment variable for that allows on a stable toolchain. What is built is
/// built as ever.
pub(crate) fn minimal() -> Result<Vec<Step>, String> {
    let lock = Step::cargo("oldest direct dependencies", "update --quiet -Z direct-minimal-versions")
        .env("RUSTC_BOOTSTRAP", "1")
        .folder(packages());
    let mut steps = vec![
        Step::check("a workspace of packages", "write a workspace of what was packed", write_workspace),
        lock,
        built(
            Step::cargo("packages with oldest dependencies", "check --quiet --workspace --all-features")
                .folder(packages()),
        ),
    ];
    for index in 0..examples()?.len() {
        let name = format!("README's example {} with oldest dependencies", index + 1);
        steps.push(Step::check(
            format!("{name}: its versions"),
            "take the versions of these dependencies",
            move || {
                let (from, to) = (packages().join("Cargo.lock"), project(index).join("Cargo.lock"));
                fs::copy(from, to).map(drop).map_err(|error| format!("the lock file could not be copied: {error}"))
            },
        ));
        steps.push(built(Step::cargo(name, "check --quiet").folder(project(index))));
    }
    Ok(steps)
}

fn built(step: Step) -> Step {
    step.env("CARGO_TARGET_DIR", target_dir().join("package-build"))
}

/// Outside of the workspace, whose settings must not reach the projects.
fn outside() -> PathBuf {
    env::temp_dir().join("portcullis-packages")
}

fn packages() -> PathBuf {
    outside().join("packages")
}

fn project(index: usize) -> PathBuf {
    outside().join(format!("example-{}", index + 1))
}

fn examples() -> Result<Vec<Example>, String> {
    example::read(&read(&root().join("README.md"))?)
}

/// The names of the packages that are published, in any order.
pub(crate) fn published() -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for folder in folders(&root().join("crates"))? {
        let manifest = read(&folder.join("Cargo.toml"))?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or_default();
        if !manifest.contains("\npublish = false") {
            names.push(name.trim_matches('"').to_owned());
        }
    }
    Ok(names)
}

fn unpack() -> Result<(), String> {
    let failed = |error| format!("{} could not be written: {error}", outside().display());
    if outside().exists() {
        fs::remove_dir_all(outside()).map_err(failed)?;
    }
    fs::create_dir_all(packages()).map_err(failed)?;
    for name in published()? {
        let archive = target_dir().join("package").join(format!("{name}-{}.crate", env!("CARGO_PKG_VERSION")));
        let unpacked = Step::program("unpacking", "tar", "-xzf").arg(archive.display().to_string()).folder(packages());
        unpacked.run()?;
    }
    folders(&packages())?.iter().try_for_each(|package| complete(package))
}

/// Whether a package holds what it must, and everything that its code includes. A compiler does not see what only a
/// test of documentation includes.
fn complete(package: &Path) -> Result<(), String> {
    if let Some(missing) = REQUIRED.iter().find(|file| !package.join(file).is_file()) {
        return Err(format!("{} holds no {missing}", package.display()));
    }
    let mut missing = Vec::new();
    visit(&package.join("src"), &mut |file, text| {
        let folder = file.parent().unwrap_or(package);
        missing.extend(
            included(text)
                .filter(|path| !within(package, &folder.join(path)))
                .map(|path| format!("{} includes {path}, which is not in the package", file.display())),
        );
    })?;
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n")) }
}

/// The files that a source includes by a literal path.
fn included(text: &str) -> impl Iterator<Item = &str> {
    ["include_str!(\"", "include_bytes!(\""]
        .into_iter()
        .flat_map(move |call| text.split(call).skip(1).filter_map(|rest| rest.split_once('"')).map(|(path, _)| path))
}

fn within(package: &Path, file: &Path) -> bool {
    let (Ok(package), Ok(file)) = (package.canonicalize(), file.canonicalize()) else { return false };
    file.starts_with(package)
}

fn write_projects() -> Result<(), String> {
    for (index, example) in examples()?.iter().enumerate() {
        let mut manifest = format!(
            "[package]\nname = \"example-{}\"\nedition = \"2024\"\n\n{}\n[workspace]\n\n",
            index + 1,
            example.manifest
        );
        manifest.push_str(&patches()?);
        write(&project(index).join("Cargo.toml"), &manifest)?;
        write(&project(index).join("src/main.rs"), &example.code)?;
        // The versions that everything else is tested with.
        write(&project(index).join("Cargo.lock"), &read(&root().join("Cargo.lock"))?)?;
    }
    Ok(())
}

fn write_workspace() -> Result<(), String> {
    let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [\"portcullis*\"]\n\n{}", patches()?);
    write(&packages().join("Cargo.toml"), &manifest)
}

/// Dependencies on the packages are on the registry's. This names the unpacked ones in their stead.
fn patches() -> Result<String, String> {
    let mut table = "[patch.crates-io]\n".to_owned();
    for name in published()? {
        let folder = packages().join(format!("{name}-{}", env!("CARGO_PKG_VERSION")));
        writeln!(table, "{name} = {{ path = {:?} }}", folder.display().to_string()).expect("a string takes everything");
    }
    Ok(table)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{} could not be read: {error}", parent.display());
    let entries = fs::read_dir(parent).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()));
    let mut folders = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} could not be read: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{} could not be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_the_workspace_alone_are_not_published() {
        let names = published().unwrap();
        assert!(names.contains(&"portcullis-core".to_owned()) && !names.contains(&"xtask".to_owned()), "{names:?}");
    }

    #[test]
    fn included_files_must_lie_in_the_package() {
        let core = root().join("crates/core");
        let paths: Vec<_> = included("#[doc = include_str!(\"../README.md\")]\ninclude_bytes!(\"a\")").collect();
        assert_eq!(paths, ["../README.md", "a"]);
        assert!(within(&core, &core.join("src/../README.md")));
        assert!(!within(&core, &core.join("src/../../../README.md")));
        assert!(!within(&core, &core.join("src/missing.md")));
    }
}
