//! Starts the drain.

use http::StatusCode;
use serde::Deserialize;

use super::{
    act::{Failed, Outcome},
    log::log,
    request::parse,
};
use crate::{operator::Operator, state::State};

/// An empty object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {}

pub(super) fn drain(state: &State, operator: &Operator, body: &[u8]) -> Result<Outcome, Failed> {
    let Some(drain) = &state.settings.drain else {
        return Err(Failed::new(StatusCode::NOT_FOUND, "the console was given no drain"));
    };
    let Drain {} = parse(body)?;
    if drain.is_started() {
        return Err(Failed::new(StatusCode::CONFLICT, "the drain has begun already"));
    }
    let outcome = Outcome { closed: drain.connections().count(), told: None };
    // It goes on whether or not the operator stays.
    tokio::spawn(drain.start());
    log(state, operator, "drain", "this server", &outcome);
    Ok(outcome)
}
