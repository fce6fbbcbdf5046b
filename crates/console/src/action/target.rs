//! Which connections an action applies to.

use std::net::IpAddr;

use http::StatusCode;
use portcullis_core::{Connection, ConnectionId, Target, identity::Subject};
use serde::Deserialize;

use super::act::Failed;
use crate::state::State;

/// The body of a close: which connections, and with what code and reason. A page that shows masked subjects identifies
/// a subject by one of its connections (`subject_of`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Close {
    pub(super) connection: Option<String>,
    pub(super) node: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) subject_of: Option<String>,
    pub(super) client_ip: Option<IpAddr>,
    pub(super) client_ip_of: Option<String>,
    pub(super) code: Option<u16>,
    pub(super) reason: String,
}

/// The connections that an action applies to.
pub(super) enum Targeted {
    One(Connection),
    All(Target),
}

impl Close {
    /// Resolves the target, of which the body must give exactly one.
    pub(super) fn targeted(self, state: &State) -> Result<Targeted, Failed> {
        let Self { connection, node, subject, issuer, subject_of, client_ip, client_ip_of, .. } = self;
        let named = [connection.is_some(), subject.is_some(), subject_of.is_some(), client_ip_of.is_some()];
        let named = named.into_iter().filter(|named| *named).count() + usize::from(client_ip.is_some());
        if named != 1 || (node.is_some() && connection.is_none()) || (issuer.is_some() && subject.is_none()) {
            let error = "give one of connection, subject, subject_of, client_ip and client_ip_of";
            return Err(Failed::new(StatusCode::UNPROCESSABLE_ENTITY, error));
        }
        if let Some(subject) = subject {
            return Ok(Targeted::All(named_subject(subject, issuer).into()));
        }
        if let Some(client) = client_ip {
            return Ok(Targeted::All(client.to_canonical().into()));
        }
        if let Some(of) = subject_of {
            return Ok(Targeted::All(subject_of_one(state, &of)?.into()));
        }
        if let Some(of) = client_ip_of {
            let client = find(state, &of)?.client_ip();
            return Ok(Targeted::All(client.ok_or_else(nothing_known)?.into()));
        }
        let id = connection.unwrap_or_default();
        match node {
            Some(node) if state.connections.node().is_none_or(|here| here.to_string() != node) => {
                let node = node.parse().map_err(|_| wrong("node"))?;
                Ok(Targeted::All(Target::Connection { node, id: parse(&id)? }))
            }
            _ => Ok(Targeted::One(find(state, &id)?)),
        }
    }
}

pub(super) fn named_subject(name: String, issuer: Option<String>) -> Subject {
    match issuer {
        Some(issuer) => Subject::of_issuer(issuer, name),
        None => Subject::new(name),
    }
}

/// The subject of a connection.
pub(super) fn subject_of_one(state: &State, id: &str) -> Result<Subject, Failed> {
    find(state, id)?.subject().ok_or_else(nothing_known)
}

fn find(state: &State, id: &str) -> Result<Connection, Failed> {
    state.connections.get(parse(id)?).ok_or_else(Failed::unknown)
}

fn parse(id: &str) -> Result<ConnectionId, Failed> {
    id.parse().map_err(|_| wrong("connection"))
}

fn wrong(what: &str) -> Failed {
    Failed::new(StatusCode::UNPROCESSABLE_ENTITY, format!("invalid {what}"))
}

fn nothing_known() -> Failed {
    Failed::new(StatusCode::CONFLICT, "the subject or address of this connection is not known")
}
