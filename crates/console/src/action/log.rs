//! Who did what: in the application's log, and on the page.

use std::time::SystemTime;

use super::act::Outcome;
use crate::{history::Done, operator::Operator, state::State};

/// Logs an action. What a peer wrote in it is escaped.
pub(super) fn log(state: &State, operator: &Operator, action: &'static str, target: &str, outcome: &Outcome) {
    let Outcome { closed, told } = *outcome;
    let who = operator.name();
    tracing::info!(target: "portcullis", operator = ?who, action, what = ?target, closed, ?told, "an operator acted");
    let came_to = match told {
        Some(false) => format!("{closed} closed here; the other nodes could not be told"),
        Some(true) => format!("{closed} closed here; the other nodes are told"),
        None => format!("{closed} closed"),
    };
    state.history.note_done(Done {
        at: SystemTime::now(),
        operator: who.to_owned(),
        action,
        target: target.to_owned(),
        came_to,
    });
}
