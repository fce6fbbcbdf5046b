//! Closes one connection, or all connections of a subject or an address.

use http::StatusCode;
use portcullis_core::{CloseCode, CloseFrame, Target};

use super::{
    act::{Failed, Outcome, outcome},
    log::log,
    request::parse,
    target::{Close, Targeted},
};
use crate::{operator::Operator, state::State};

/// The longest reason, in bytes (RFC 6455, section 5.5).
const LONGEST: usize = 123;

pub(super) async fn close(state: &State, operator: &Operator, body: &[u8]) -> Result<Outcome, Failed> {
    let wanted: Close = parse(body)?;
    let frame = frame(wanted.code, &wanted.reason)?;
    let shared = state.connections.node().is_some();
    let (shown, outcome) = match wanted.targeted(state)? {
        Targeted::One(connection) => {
            connection.close(frame.clone());
            (format!("connection {}", connection.id()), Outcome { closed: 1, notified: None })
        }
        Targeted::All(target) => {
            let shown = describe(state, &target);
            (shown, outcome(shared, state.connections.close(target, frame.clone())).await)
        }
    };
    log(state, operator, "close", &format!("{shown} with {frame}"), &outcome);
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

/// The target as operators see it, masked where the console masks.
fn describe(state: &State, target: &Target) -> String {
    let mask = &state.settings.mask;
    match target {
        Target::Subject(subject) => format!("all of subject {:?}", mask.subject(subject).name()),
        Target::ClientIp(address) => format!("all of address {}", mask.address(*address)),
        Target::Connection { node, id } => format!("connection {id} of node {node}"),
        _ => "all".to_owned(),
    }
}
