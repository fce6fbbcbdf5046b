//! Revokes tokens, and closes the connections that they authenticated.

use http::StatusCode;
use portcullis_jwt::TokenId;
use serde::Deserialize;

use super::{
    act::{Failed, Outcome, outcome},
    log::log,
    request::parse,
    target::{named_subject, subject_of_one},
};
use crate::{history::ActedOn, operator::Operator, state::State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    subject: Option<String>,
    subject_of: Option<String>,
    token: Option<String>,
    issuer: Option<String>,
}

pub(super) async fn revoke(state: &State, operator: &Operator, body: &[u8]) -> Result<Outcome, Failed> {
    let Some(revocations) = &state.settings.revocations else {
        return Err(Failed::new(StatusCode::NOT_FOUND, "the console has no revocations"));
    };
    let Revoke { subject, subject_of, token, issuer } = parse(body)?;
    let (shown, broadcast) = match (subject, subject_of, token) {
        (Some(name), None, None) => {
            let subject = named_subject(name, issuer);
            let broadcast = revocations.revoke_subject(&subject);
            (ActedOn::Subject(subject), broadcast)
        }
        (None, Some(of), None) if issuer.is_none() => {
            let subject = subject_of_one(state, &of)?;
            let broadcast = revocations.revoke_subject(&subject);
            (ActedOn::Subject(subject), broadcast)
        }
        (None, None, Some(id)) => {
            let shown = ActedOn::Other(format!("token {id:?}"));
            let id = issuer.map_or_else(|| TokenId::new(id.as_str()), |issuer| TokenId::of_issuer(issuer, id.as_str()));
            (shown, revocations.revoke_id(id))
        }
        _ => return Err(Failed::new(StatusCode::UNPROCESSABLE_ENTITY, "give one of subject, subject_of and token")),
    };
    let outcome = outcome(state.connections.node().is_some(), broadcast).await;
    log(state, operator, "revoke", shown, String::new(), &outcome);
    Ok(outcome)
}
