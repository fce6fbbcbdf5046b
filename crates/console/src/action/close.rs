//! Closes one connection, or all connections of a subject or an address.

use http::StatusCode;
use portcullis_core::{CloseCode, CloseFrame, Target};

use super::{
    act::{Failed, Outcome, outcome},
    log::log,
    request::parse,
    target::{Close, Targeted},
};
use crate::{history::ActedOn, operator::Operator, state::State};

/// The longest reason, in bytes (RFC 6455, section 5.5).
const LONGEST: usize = 123;

pub(super) async fn close(state: &State, operator: &Operator, body: &[u8]) -> Result<Outcome, Failed> {
    let wanted: Close = parse(body)?;
    let frame = frame(wanted.code, &wanted.reason)?;
    let shared = state.connections.node().is_some();
    let (shown, outcome) = match wanted.targeted(state)? {
        Targeted::One(connection) => {
            connection.close(frame.clone());
            (ActedOn::Other(format!("connection {}", connection.id())), Outcome { closed: 1, notified: None })
        }
        Targeted::All(target) => {
            let shown = acted_on(&target);
            (shown, outcome(shared, state.connections.close(target, frame.clone())).await)
        }
    };
    log(state, operator, "close", shown, format!(" with {frame}"), &outcome);
    Ok(outcome)
}

fn frame(code: Option<u16>, reason: &str) -> Result<CloseFrame, Failed> {
    let wrong = |error| Failed::new(StatusCode::UNPROCESSABLE_ENTITY, error);
    let code = code.map_or(Ok(CloseCode::POLICY_VIOLATION), CloseCode::new);
    let code = code.map_err(|_| wrong("code is not a close code that a server may send"))?;
    if reason.len() > LONGEST {
        return Err(wrong("reason is longer than 123 bytes"));
    }
    Ok(CloseFrame::new(code, reason.to_owned()))
}

fn acted_on(target: &Target) -> ActedOn {
    match target {
        Target::Subject(subject) => ActedOn::Subject(subject.clone()),
        Target::ClientIp(address) => ActedOn::Client(*address),
        Target::Connection { node, id } => ActedOn::Other(format!("connection {id} of node {node}")),
        _ => ActedOn::Other("all".to_owned()),
    }
}
