//! The stable part of the compiler's output, without line numbers in other files.

use std::fmt::Write;

/// The width of line numbers of a case. The compiler chooses the width for all the files that it quotes.
const WIDTH: usize = 2;

/// The printed errors, without line numbers in other files, and without the summary.
pub(crate) fn normalized(text: &str) -> String {
    let paragraphs = text.trim_end().split("\n\n").filter(|paragraph| !is_summary(paragraph));
    paragraphs.map(error).collect::<Vec<_>>().join("\n")
}

fn is_summary(paragraph: &str) -> bool {
    ["error: aborting due to", "Some errors have detailed explanations", "For more information about"]
        .iter()
        .any(|start| paragraph.starts_with(start))
}

fn error(paragraph: &str) -> String {
    let width = paragraph.lines().find_map(|line| line.find("--> ")).unwrap_or_default();
    let (mut normalized, mut in_library) = (String::new(), false);
    for line in paragraph.lines() {
        let (number, mut rest) = match line.split_at_checked(width) {
            Some((margin, rest)) if is_margin(margin) => (margin.trim(), rest),
            // A heading, such as `note: required by ..`.
            _ => {
                in_library = false;
                _ = writeln!(normalized, "{line}");
                continue;
            }
        };
        if let Some(place) = rest.strip_prefix("--> ").or_else(|| rest.strip_prefix("::: ")) {
            in_library = place.starts_with("crates/");
            if in_library {
                rest = rest.trim_end_matches(|char: char| char == ':' || char.is_ascii_digit());
            }
        }
        let number = if in_library { "" } else { number };
        _ = writeln!(normalized, "{number:>WIDTH$}{rest}");
    }
    normalized
}

fn is_margin(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char == ' ' || char.is_ascii_digit())
}
