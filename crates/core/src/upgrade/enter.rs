//! How a layer comes by the guarded connection: the outermost sets it up, those inside of it join.

use std::sync::Arc;

use http::request::Parts;
use hyper::upgrade::OnUpgrade;
use tokio::runtime::Handle;

use super::{
    Guarded,
    inner::{self, Inner},
};
use crate::{
    carrier::Carrier,
    connection::{About, Connection},
    handshake,
    identity::{ClientIp, Subject},
    refusal::Refusal,
    settings::Settings,
};

/// Sets up the guarded connection for a handshake, or joins the one that an outer layer has set up.
///
/// `None` for a request that is no handshake, or that cannot be upgraded. Such a request loses its `OnUpgrade`, so that
/// nothing is upgraded unchecked.
///
/// # Errors
///
/// A refusal with status 500 outside of a tokio runtime, and where two layers outside have authenticated different
/// subjects.
pub fn enter(parts: &mut Parts) -> Result<Option<Guarded>, Refusal> {
    enter_as(parts, None)
}

/// [`enter`], with settings. Those of the outermost layer that has some count, whoever sets the connection up.
///
/// # Errors
///
/// As [`enter`].
pub fn enter_with(parts: &mut Parts, settings: &Settings) -> Result<Option<Guarded>, Refusal> {
    enter_as(parts, Some(settings))
}

pub(super) fn enter_as(parts: &mut Parts, settings: Option<&Settings>) -> Result<Option<Guarded>, Refusal> {
    // A layer outside has seen that it is a handshake.
    if let Some(connection) = parts.extensions.get::<Connection>() {
        if let Some(client) = parts.extensions.get::<ClientIp>() {
            connection.set_client_ip(client.0);
        }
        if let Some(subject) = parts.extensions.get::<Subject>() {
            connection.authenticate(subject)?;
        }
        if let Some(settings) = settings {
            connection.control().configure(settings);
        }
        return Ok(Some(Guarded { connection: connection.clone(), inner: None, then: None }));
    }
    if !handshake::is_handshake(parts) {
        leave_alone(parts, settings.is_some_and(|settings| settings.other_upgrades));
        return Ok(None);
    }
    // A request that came over no connection, as in a test by `oneshot`, or whose upgrade somebody outside has taken.
    let Some(real) = parts.extensions.remove::<OnUpgrade>() else {
        return Ok(None);
    };
    let (connection, inner) = intercept(parts, real)?;
    if let Some(settings) = settings {
        connection.control().configure(settings);
    }
    Ok(Some(Guarded { connection, inner: Some(inner), then: None }))
}

/// Marks a request for the layers inside: it may be upgraded to something else.
#[derive(Clone)]
struct OtherUpgrades;

fn leave_alone(parts: &mut Parts, other_upgrades: bool) {
    let extensions = &mut parts.extensions;
    if other_upgrades {
        extensions.insert(OtherUpgrades);
    }
    if extensions.get::<OtherUpgrades>().is_none() {
        extensions.remove::<OnUpgrade>();
    }
}

fn intercept(parts: &mut Parts, real: OnUpgrade) -> Result<(Connection, Inner), Refusal> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(Refusal::misconfigured("a WebSocket can be guarded on a tokio runtime only"));
    };
    let client = parts.extensions.get::<ClientIp>().map(|client| client.0);
    let about = Arc::new(About::new(client, parts.method.clone(), runtime));
    let carrier = Carrier::of(parts.version);
    let (ours, connection, inner) = inner::open(about, real, carrier)
        .ok_or_else(|| Refusal::misconfigured("hyper did not accept the guard's own handshake; please report this"))?;
    if let Some(subject) = parts.extensions.get::<Subject>() {
        connection.authenticate(subject)?;
    }
    // In place of the real one, so that whoever takes it, by whatever library, gets the guarded connection.
    parts.extensions.insert(ours);
    parts.extensions.insert(connection.clone());
    Ok((connection, inner))
}
