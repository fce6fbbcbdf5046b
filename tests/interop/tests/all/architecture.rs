//! Checks the names in ARCHITECTURE.md against the code.
//!
//! The page becomes stale if a file moves, a type is renamed, or a room of core starts to use one above it. These tests
//! detect all of that. Readers still have to check what the sentences say.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

const PAGE: &str = include_str!("../../../../ARCHITECTURE.md");

/// Rooms of core that name each other.
const CIRCLE: [&str; 4] = ["identity", "observe", "policy", "refusal"];

/// Names of other crates and of the standard library, and placeholders.
const FOREIGN: [&str; 8] = ["OnUpgrade", "Pending", "Notify", "ConcurrencyLimit", "CONNECT", "duplex", "exp", "nbf"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn core() -> PathBuf {
    root().join("crates/core/src")
}

/// The Rust files below a folder, or the file itself.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    folders.iter().flat_map(|folder| rust_files(folder)).chain(files).collect()
}

fn file_names() -> HashSet<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    rust_files(&root().join("crates")).iter().map(name).collect()
}

/// The texts in backticks on the page, outside of drawings.
fn quoted() -> impl Iterator<Item = &'static str> {
    let prose = PAGE.split("```").step_by(2);
    prose.flat_map(|prose| prose.split('`').skip(1).step_by(2))
}

fn is_path(quoted: &str) -> bool {
    !quoted.contains([' ', '<', ':', '[']) && (quoted.contains('/') || Path::new(quoted).extension().is_some())
}

fn is_name(quoted: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    quoted.trim_end_matches("()").split("::").all(word) && !quoted.starts_with(|c: char| c.is_ascii_digit())
}

/// A table of the page: of each row the names in the first column.
fn floors(heading: &str) -> Vec<Vec<&'static str>> {
    let head = format!("| {heading} |");
    let rows = PAGE.lines().skip_while(|line| !line.starts_with(&head)).skip(2);
    let floors: Vec<Vec<_>> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|row| row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2).collect())
        .collect();
    assert!(floors.len() > 2, "there is a table of {heading}");
    floors
}

fn floor_of(floors: &[Vec<&str>], name: &str) -> usize {
    let floor = floors.iter().position(|floor| floor.contains(&name));
    floor.unwrap_or_else(|| panic!("{name} stands on no floor of the page"))
}

/// The names that the code defines: items, and other names at the beginning of a line, such as fields, variants and
/// features.
fn defined() -> HashSet<String> {
    const ITEMS: [&str; 8] = ["struct", "enum", "trait", "type", "const", "static", "fn", "mod"];
    let mut names = HashSet::new();
    let sources = ["crates", "tests"].map(|folder| rust_files(&root().join(folder)));
    for text in sources.iter().flatten().map(|file| fs::read_to_string(file).unwrap()) {
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            let words: Vec<_> = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
            names.extend(words.windows(2).filter(|pair| ITEMS.contains(&pair[0])).map(|pair| pair[1].to_owned()));
            let first = line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
            let first = first.trim_start_matches("pub ").split([':', ',', '(', '{', ' ']).next();
            names.extend(first.filter(|first| is_name(first)).map(str::to_owned));
        }
    }
    names
}

/// A file without its tests and its comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms of core that code names with `crate::`.
fn rooms_named_in(code: &str) -> HashSet<String> {
    let mut rooms = HashSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => rooms.extend(first_words(list)),
            None => rooms.extend(word(rest)),
        }
    }
    rooms
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    Some(word).filter(|word| !word.is_empty())
}

/// Of `a::b, c::{d, e}}` these are `a` and `c`.
fn first_words(list: &str) -> Vec<String> {
    let (mut depth, mut top) = (0, String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            c if depth == 0 => top.push(c),
            _ => {}
        }
    }
    top.split(',').filter_map(|path| word(path.trim())).collect()
}

#[test]
fn what_the_page_names_exists() {
    let defined = defined();
    let exists = |path: &str| root().join(path).exists() || core().join(path).exists();
    let known = |name: &str| name.trim_end_matches("()").split("::").all(|part| defined.contains(part));
    // Such as `admit.rs`, which several layers have.
    let names = file_names();
    let is_file_name = |path: &str| names.contains(path);
    let is_missing = |quoted: &&str| match *quoted {
        foreign if FOREIGN.contains(&foreign) => false,
        path if is_path(path) => !exists(path) && !is_file_name(path),
        name if is_name(name) => !known(name) && !exists(name),
        _ => false,
    };
    let missing: Vec<_> = quoted().filter(is_missing).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
    assert!(quoted().filter(|quoted| is_path(quoted)).count() > 50, "paths are looked for");
}

#[test]
fn links_of_the_page_lead_somewhere() {
    let headings = PAGE.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: HashSet<_> = headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'));
            format!("#{}", kept.collect::<String>().to_lowercase().replace(' ', "-"))
        })
        .collect();
    for link in PAGE.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(anchors.contains(link) || root().join(link).is_file(), "{link} leads nowhere");
    }
}

#[test]
fn rooms_of_core_name_rooms_below_them() {
    let floors = floors("Floor of rooms");
    for entry in fs::read_dir(core()).unwrap().map(|entry| entry.unwrap().path()) {
        let room = entry.file_stem().unwrap().to_str().unwrap();
        if room == "lib" {
            continue;
        }
        let floor = floor_of(&floors, room);
        for file in rust_files(&entry).iter().filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        {
            for named in rooms_named_in(&code(file)) {
                let is_room = core().join(&named).is_dir() || core().join(format!("{named}.rs")).is_file();
                let in_circle = CIRCLE.contains(&room) && CIRCLE.contains(&named.as_str());
                if is_room && named != room && !in_circle {
                    assert!(floor_of(&floors, &named) > floor, "{} names {named}", file.display());
                }
            }
        }
    }
}

#[test]
fn crates_depend_on_crates_below_them() {
    let floors = floors("Floor of crates");
    for entry in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = format!("crates/{}", entry.file_name().unwrap().to_str().unwrap());
        let floor = floor_of(&floors, &name);
        let manifest = fs::read_to_string(entry.join("Cargo.toml")).unwrap();
        let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            if let Some(dependency) = line.strip_prefix("portcullis-") {
                let dependency = format!("crates/{}", dependency.split(['.', ' ']).next().unwrap());
                assert!(floor_of(&floors, &dependency) > floor, "{name} depends on {dependency}");
            }
        }
    }
}

#[test]
fn the_guard_knows_no_clock_no_lock_and_no_runtime() {
    let tests = core().join("guard/tests");
    for file in rust_files(&core().join("guard")).iter().filter(|file| !file.starts_with(&tests)) {
        let code = code(file);
        for impure in ["Instant::now", "Mutex", "Waker", "tokio"] {
            assert!(!code.contains(impure), "{} names {impure}", file.display());
        }
        for room in ["clock", "sync"] {
            assert!(!rooms_named_in(&code).contains(room), "{} names {room}", file.display());
        }
    }
}
