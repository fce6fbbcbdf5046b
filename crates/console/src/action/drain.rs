//! Starts the drain.

use http::StatusCode;
use serde::Deserialize;

use super::{
    act::{Failed, Outcome},
    log::log,
    request::parse,
};
use crate::{history::ActedOn, operator::Operator, state::State};

/// An empty object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drain {}

pub(super) fn drain(state: &State, operator: &Operator, body: &[u8]) -> Result<Outcome, Failed> {
    let Some(drain) = &state.settings.drain else {
        return Err(Failed::new(StatusCode::NOT_FOUND, "the console has no drain"));
    };
    let Drain {} = parse(body)?;
    if drain.is_started() {
        return Err(Failed::new(StatusCode::CONFLICT, "the drain has already started"));
    }
    let outcome = Outcome { closed: drain.connections().count(), notified: None };
    // It continues whether or not the operator stays connected.
    tokio::spawn(drain.start());
    log(state, operator, "drain", ActedOn::Other("this server".to_owned()), String::new(), &outcome);
    Ok(outcome)
}
