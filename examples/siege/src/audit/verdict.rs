//! The verdict on an attack or a legitimate client.

use std::fmt;

/// The verdict, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The attack was refused, closed or held back.
    Stopped,
    /// The server did what the attacker wanted.
    Through,
    /// The client's observations allow no verdict.
    Unclear,
    /// Nothing was sent.
    NotRun,
    /// The legitimate client got what it wanted.
    Served,
    /// The legitimate client did not.
    TurnedAway,
}

impl Verdict {
    /// One word for machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Through => "through",
            Self::Unclear => "unclear",
            Self::NotRun => "not-run",
            Self::Served => "served",
            Self::TurnedAway => "turned-away",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Through => "LET THROUGH",
            Self::NotRun => "not run",
            Self::TurnedAway => "TURNED AWAY",
            plain => plain.name(),
        })
    }
}

/// A verdict, and what the client observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) observed: String,
}

/// The maximum length of the shown observation, in characters.
const MOST: usize = 120;

impl Judged {
    fn new(verdict: Verdict, observed: impl Into<String>) -> Self {
        Self { verdict, observed: harmless(&observed.into()) }
    }

    pub(super) fn stopped(observed: impl Into<String>) -> Self {
        Self::new(Verdict::Stopped, observed)
    }

    pub(super) fn through(observed: impl Into<String>) -> Self {
        Self::new(Verdict::Through, observed)
    }

    pub(super) fn unclear(observed: impl Into<String>) -> Self {
        Self::new(Verdict::Unclear, observed)
    }

    pub(super) fn not_run(why: impl Into<String>) -> Self {
        Self::new(Verdict::NotRun, why)
    }

    pub(super) fn served(observed: impl Into<String>) -> Self {
        Self::new(Verdict::Served, observed)
    }

    pub(super) fn turned_away(observed: impl Into<String>) -> Self {
        Self::new(Verdict::TurnedAway, observed)
    }
}

/// Replaces control characters, which a terminal or XML would interpret, and truncates the text.
fn harmless(text: &str) -> String {
    text.chars().take(MOST).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_from_a_server_are_replaced() {
        let judged = Judged::stopped(format!("1008 \u{1b}[2J\r\n{}", "x".repeat(500)));
        assert!(judged.observed.starts_with("1008 \u{fffd}[2J\u{fffd}\u{fffd}x"));
        assert_eq!(judged.observed.chars().count(), MOST);
    }
}
