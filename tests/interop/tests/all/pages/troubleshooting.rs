//! Checks that the guide explains every message of the library about its wiring.

use std::{collections::BTreeSet, path::Path};

use super::source::{files, read};

/// The crates with messages.
const CRATES: [&str; 8] = ["close", "connections", "core", "jwt", "liveness", "origin", "rate-limit", "redis"];

/// The functions that are called with a message, or with the name of one.
const FUNCTIONS: [&str; 4] = ["misconfigured(", "missing_extension(", "warn_once(", ".warn("];

/// Errors that builders return.
const ERRORS: [&str; 2] = ["jwt/src/verifier/build_error.rs", "redis/src/error.rs"];

/// A file without its tests and comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The string literal at the beginning of code, with its escapes resolved.
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

/// The string constants in code.
fn named(code: &str, name: &str) -> Vec<String> {
    let definitions = ["const ", "let "].into_iter().flat_map(|keyword| code.split(keyword).skip(1));
    let of_name = definitions.filter_map(|rest| rest.strip_prefix(name)?.split_once('='));
    of_name.filter(|(between, _)| between.len() < 16).filter_map(|(_, value)| literal(value)).collect()
}

/// The messages in a file. Constants may be defined in another file of its crate.
fn messages(code: &str, crate_code: &str) -> Vec<String> {
    let calls = FUNCTIONS.into_iter().flat_map(|call| code.split(call).skip(1));
    let arguments = calls.map(|rest| rest.trim_start().trim_start_matches("parts, "));
    let resolved = |argument: &str| {
        if let Some(message) = literal(argument) {
            return vec![message];
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

/// Whether a file may contain messages. Where the functions are defined, messages are arguments.
fn has_messages(path: &Path) -> bool {
    let tests = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "testing")));
    !tests && !path.ends_with("core/src/refusal/reason.rs")
}

fn all_messages() -> BTreeSet<String> {
    let mut all_messages = BTreeSet::new();
    for name in CRATES {
        let files = files(&format!("crates/{name}/src"), ".rs");
        let sources: Vec<_> =
            files.iter().filter(|(path, _)| has_messages(path)).map(|(path, text)| (path, code(text))).collect();
        let all = sources.iter().map(|(_, code)| code.as_str()).collect::<Vec<_>>().join("\n");
        for (path, code) in &sources {
            all_messages.extend(messages(code, &all));
            if ERRORS.iter().any(|error| path.ends_with(error)) {
                all_messages.extend(written(code));
            }
        }
    }
    all_messages.retain(|message| !message.is_empty());
    all_messages
}

/// Text on one line, without quotation markers.
fn flowing(text: &str) -> String {
    let lines = text.lines().map(|line| line.strip_prefix("> ").unwrap_or(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_guide_has_every_message_about_wiring() {
    let page = flowing(&read("crates/portcullis/docs/guide/troubleshooting.md"));
    let all_messages = all_messages();
    assert!(all_messages.len() > 35, "{all_messages:#?}");
    for message in &all_messages {
        // The page has an ellipsis for a value. `{tenantid}` is literal text.
        let known = page.contains(message) || page.contains(&ellipsis(message));
        assert!(known, "the page on troubleshooting does not have: {message}");
    }
}

fn ellipsis(message: &str) -> String {
    let mut parts = message.split(['{', '}']);
    let first = parts.next().unwrap_or_default().to_owned();
    let rest: Vec<_> = parts.collect();
    rest.chunks(2).fold(first, |text, pair| text + "…" + pair.get(1).copied().unwrap_or_default())
}

#[test]
fn escapes_in_strings_are_resolved() {
    let code =
        "warn_once(\n    \"one \\\"two\\\" \\\n     three\",\n); const NAME: &str = \"four\"; misconfigured(NAME)";
    assert_eq!(messages(code, code), ["four", "one \"two\" three"]);
}
