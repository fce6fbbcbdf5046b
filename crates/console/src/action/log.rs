//! Records an operator's action in the application's log and on the page.

use std::time::SystemTime;

use super::act::Outcome;
use crate::{
    history::{ActedOn, Done},
    operator::Operator,
    state::State,
};

/// Logs an action. Text that a peer wrote is escaped.
pub(super) fn log(
    state: &State,
    operator: &Operator,
    action: &'static str,
    target: ActedOn,
    with: String,
    outcome: &Outcome,
) {
    let Outcome { closed, notified } = *outcome;
    let operator = operator.name();
    let what = target.shown(&state.settings.mask) + &with;
    tracing::info!(target: "portcullis", ?operator, action, ?what, closed, ?notified, "an operator acted");
    let result = match notified {
        Some(false) => format!("{closed} closed here; the other nodes could not be notified"),
        Some(true) => format!("{closed} closed here; the other nodes were notified"),
        None => format!("{closed} closed"),
    };
    state.history.note_done(Done {
        at: SystemTime::now(),
        operator: operator.to_owned(),
        action,
        target,
        with,
        result,
    });
}
