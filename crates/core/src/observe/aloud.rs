//! Warnings on stderr for an application that has no log yet. In debug builds only.
//!
//! An application without a subscriber would see a bare 500 and nothing else. So the first occurrence of each sentence
//! goes to stderr, where a developer looks. The sentences are constants of layers, and so few; the bound is for layers
//! of others.

use std::sync::Mutex;

use crate::sync::lock;

/// How many different sentences are printed at most.
const MOST: usize = 64;

/// The sentences that were printed.
struct Said(Mutex<Vec<&'static str>>);

static WARNED: Said = Said(Mutex::new(Vec::new()));
static ALOUD: Said = Said(Mutex::new(Vec::new()));

impl Said {
    fn first(&self, sentence: &'static str) -> bool {
        let mut said = lock(&self.0);
        let first = said.len() < MOST && !said.contains(&sentence);
        if first {
            said.push(sentence);
        }
        first
    }
}

/// Whether it is the first time in this process that there is a reason for this warning.
pub(super) fn is_new(sentence: &'static str) -> bool {
    WARNED.first(sentence)
}

/// Prints a sentence on stderr, once, unless a subscriber takes it.
pub(super) fn say(sentence: &'static str, logged: bool) {
    if is_needed(cfg!(debug_assertions), logged) && ALOUD.first(sentence) {
        eprintln!("portcullis: {sentence}");
    }
}

/// A release build is silent: what runs there is watched by its log.
fn is_needed(debug: bool, logged: bool) -> bool {
    debug && !logged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stderr_is_for_debug_builds_whose_log_nobody_reads() {
        for (debug, logged, needed) in
            [(true, false, true), (true, true, false), (false, false, false), (false, true, false)]
        {
            assert_eq!(is_needed(debug, logged), needed, "debug {debug}, logged {logged}");
        }
    }

    #[test]
    fn a_sentence_is_said_once_and_made_up_ones_fill_nothing() {
        let said = Said(Mutex::new(Vec::new()));
        assert!(said.first("one"));
        assert!(!said.first("one"));
        let sentences = (0..1000).map(|at| -> &'static str { Box::leak(at.to_string().into_boxed_str()) });
        assert_eq!(sentences.filter(|sentence| said.first(sentence)).count(), MOST - 1);
    }
}
