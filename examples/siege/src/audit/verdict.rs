//! What is said of an attack, or of a legitimate client.

use std::fmt;

/// What the client saw, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The attack was refused, closed or held back.
    Stopped,
    /// The server did what the attacker wanted.
    Through,
    /// It cannot be told from outside.
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
            Self::Unclear => "cannot be told",
            Self::NotRun => "not run",
            Self::TurnedAway => "TURNED AWAY",
            plain => plain.name(),
        })
    }
}

/// A verdict, and what the client saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) saw: String,
}

/// The most characters of what was seen that are shown.
const MOST: usize = 120;

impl Judged {
    fn new(verdict: Verdict, saw: impl Into<String>) -> Self {
        Self { verdict, saw: harmless(&saw.into()) }
    }

    pub(super) fn stopped(saw: impl Into<String>) -> Self {
        Self::new(Verdict::Stopped, saw)
    }

    pub(super) fn through(saw: impl Into<String>) -> Self {
        Self::new(Verdict::Through, saw)
    }

    pub(super) fn unclear(saw: impl Into<String>) -> Self {
        Self::new(Verdict::Unclear, saw)
    }

    pub(super) fn not_run(why: impl Into<String>) -> Self {
        Self::new(Verdict::NotRun, why)
    }

    pub(super) fn served(saw: impl Into<String>) -> Self {
        Self::new(Verdict::Served, saw)
    }

    pub(super) fn turned_away(saw: impl Into<String>) -> Self {
        Self::new(Verdict::TurnedAway, saw)
    }
}

/// What a server said, without what a terminal or a file of XML would take for more than text.
fn harmless(text: &str) -> String {
    text.chars().take(MOST).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_reaches_no_terminal_as_it_is() {
        let judged = Judged::stopped(format!("1008 \u{1b}[2J\r\n{}", "x".repeat(500)));
        assert!(judged.saw.starts_with("1008 \u{fffd}[2J\u{fffd}\u{fffd}x"));
        assert_eq!(judged.saw.chars().count(), MOST);
    }
}
