//! Each sentence that the library says about wiring has its cure in the guide.

use std::{collections::BTreeSet, path::Path};

use super::source::{files, read};

/// The crates that say something.
const CRATES: [&str; 8] = ["close", "connections", "core", "jwt", "liveness", "origin", "rate-limit", "redis"];

/// What is called with a sentence, or with the name of one.
const SAY: [&str; 4] = ["misconfigured(", "missing_extension(", "warn_once(", ".warn("];

/// Errors that are returned when something is built.
const ERRORS: [&str; 2] = ["jwt/src/verifier/build_error.rs", "redis/src/error.rs"];

/// A file without its tests and its comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The string with which code begins, as the program sees it.
fn literal(code: &str) -> Option<String> {
    let mut rest = code.trim_start().strip_prefix('"')?.chars();
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => match rest.next()? {
                '\n' => rest = rest.as_str().trim_start().chars(),
                escaped => text.push(escaped),
            },
            other => text.push(other),
        }
    }
}

/// The strings that have a name in code.
fn named(code: &str, name: &str) -> Vec<String> {
    let definitions = ["const ", "let "].into_iter().flat_map(|keyword| code.split(keyword).skip(1));
    let of_name = definitions.filter_map(|rest| rest.strip_prefix(name)?.split_once('='));
    of_name.filter(|(between, _)| between.len() < 16).filter_map(|(_, value)| literal(value)).collect()
}

/// What is said in a file, where names of strings may stand in another of its crate.
fn said(code: &str, crate_code: &str) -> Vec<String> {
    let calls = SAY.into_iter().flat_map(|call| code.split(call).skip(1));
    let arguments = calls.map(|rest| rest.trim_start().trim_start_matches("parts, "));
    let resolved = |argument: &str| {
        if let Some(sentence) = literal(argument) {
            return vec![sentence];
        }
        let name = argument.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
        let here = named(code, name);
        let is_constant = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        if here.is_empty() && is_constant { named(crate_code, name) } else { here }
    };
    arguments.flat_map(resolved).collect()
}

/// What an error's `Display` writes.
fn written(code: &str) -> Vec<String> {
    let calls = ["write_str(", "write!(f, "].into_iter().flat_map(|call| code.split(call).skip(1));
    calls.filter_map(literal).collect()
}

/// Whether a file may have sentences of its own. Where the calls are defined, they are arguments.
fn speaks(path: &Path) -> bool {
    let tests = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "testing")));
    !tests && !path.ends_with("core/src/refusal/reason.rs")
}

fn sentences() -> BTreeSet<String> {
    let mut sentences = BTreeSet::new();
    for name in CRATES {
        let files = files(&format!("crates/{name}/src"), ".rs");
        let sources: Vec<_> =
            files.iter().filter(|(path, _)| speaks(path)).map(|(path, text)| (path, code(text))).collect();
        let all = sources.iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>().join("\n");
        for (path, code) in &sources {
            sentences.extend(said(code, &all));
            if ERRORS.iter().any(|error| path.ends_with(error)) {
                sentences.extend(written(code));
            }
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Text on one line, without the marks of quotations.
fn flowing(text: &str) -> String {
    let lines = text.lines().map(|line| line.strip_prefix("> ").unwrap_or(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_sentence_about_wiring_stands_in_the_guide() {
    let page = flowing(&read("crates/portcullis/docs/guide/troubleshooting.md"));
    let sentences = sentences();
    assert!(sentences.len() > 35, "{sentences:#?}");
    for sentence in &sentences {
        // A value stands as an ellipsis on the page. `{tenantid}` is a text of its own.
        let known = page.contains(sentence) || page.contains(&ellipsis(sentence));
        assert!(known, "the page on troubleshooting does not have: {sentence}");
    }
}

fn ellipsis(sentence: &str) -> String {
    let mut parts = sentence.split(['{', '}']);
    let first = parts.next().unwrap_or_default().to_owned();
    let rest: Vec<_> = parts.collect();
    rest.chunks(2).fold(first, |text, pair| text + "…" + pair.get(1).copied().unwrap_or_default())
}

#[test]
fn strings_are_read_as_the_program_sees_them() {
    let code =
        "warn_once(\n    \"one \\\"two\\\" \\\n     three\",\n); const NAME: &str = \"four\"; misconfigured(NAME)";
    assert_eq!(said(code, code), ["four", "one \"two\" three"]);
}
