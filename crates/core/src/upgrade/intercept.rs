//! How a layer gets the guarded connection: the outermost layer sets it up, and the layers inside of it join.
//!
//! A layer does not know whether it is the first. It asks here, and finds out by the request's extensions: a
//! [`Connection`] is there if a layer outside guards already. The `OnUpgrade` of a request that is not a handshake is
//! removed, since a library further inside might upgrade what this crate does not take for a handshake.

use std::sync::Arc;

use http::{Extensions, request::Parts};
use hyper::upgrade::OnUpgrade;
use tokio::runtime::Handle;

use super::{
    GuardedHandshake, form,
    interception::{self, Interception},
};
use crate::{
    carrier::Carrier,
    connection::{Connection, ConnectionInner},
    handshake,
    identity::{AnotherSubject, ClientIp, Subject},
    refusal::Refusal,
    settings::Settings,
};

/// Sets up the guarded connection for a handshake, or joins the one that an outer layer has set up.
///
/// Returns `None` for a request that is not a handshake, or that cannot be upgraded. Its `OnUpgrade` is removed, so
/// that nothing is upgraded unchecked.
///
/// ```
/// use http::Request;
/// use portcullis_core::upgrade::intercept;
///
/// // There is nothing to guard: one is not a handshake, and the other came over no connection.
/// for request in [Request::get("/"), Request::get("/ws").header("upgrade", "websocket")] {
///     let (mut parts, ()) = request.body(()).unwrap().into_parts();
///     assert!(intercept(&mut parts).unwrap().is_none());
/// }
/// ```
///
/// # Errors
///
/// A refusal with status 400 if the request could be upgraded, and its `Connection` does not list `upgrade` or its key
/// is not 16 bytes in base64 (RFC 6455, section 4.2.1). One with status 500 if this is called outside of a tokio
/// runtime, or if two layers outside have authenticated different subjects.
pub fn intercept(parts: &mut Parts) -> Result<Option<GuardedHandshake>, Refusal> {
    intercept_as(parts, None)
}

/// Like [`intercept`], with settings. If several layers have settings, those of the outermost apply.
///
/// # Errors
///
/// Like [`intercept`].
pub fn intercept_with(parts: &mut Parts, settings: &Arc<Settings>) -> Result<Option<GuardedHandshake>, Refusal> {
    intercept_as(parts, Some(settings))
}

pub(super) fn intercept_as(
    parts: &mut Parts,
    settings: Option<&Arc<Settings>>,
) -> Result<Option<GuardedHandshake>, Refusal> {
    if let Some(joined) = join(&parts.extensions, settings) {
        return Ok(Some(joined?));
    }
    if !handshake::is_handshake(parts) {
        leave_alone(parts, settings.is_some_and(|settings| settings.other_upgrades));
        return Ok(None);
    }
    // A request without a connection, as in a test with `oneshot`, or whose upgrade was taken by something outside.
    let Some(real) = parts.extensions.get::<OnUpgrade>().cloned() else {
        return Ok(None);
    };
    let set_up = form::check(parts).and_then(|()| set_up(parts, real));
    // Whatever a caller does with a request that is refused, nothing is upgraded unchecked.
    let (connection, interception) = set_up.inspect_err(|_| drop(parts.extensions.remove::<OnUpgrade>()))?;
    if let Some(settings) = settings {
        connection.control().configure(settings);
    }
    Ok(Some(GuardedHandshake::set_up(connection, interception)))
}

/// Joins the connection that an outer layer has set up, if there is one. That layer has checked that this is a
/// handshake.
#[inline]
pub(super) fn join(
    extensions: &Extensions,
    settings: Option<&Arc<Settings>>,
) -> Option<Result<GuardedHandshake, AnotherSubject>> {
    let connection = extensions.get::<Connection>()?;
    let inner = connection.inner();
    // No effect if an outer layer has set them.
    if inner.client_ip().is_none()
        && let Some(client) = extensions.get::<ClientIp>()
    {
        connection.set_client_ip(client.0);
    }
    if let Some(subject) = extensions.get::<Subject>()
        && !inner.subject().is_some_and(|known| known.is_clone_of(subject))
        && let Err(another) = connection.authenticate(subject)
    {
        return Some(Err(another));
    }
    if let Some(settings) = settings {
        connection.control().configure(settings);
    }
    Some(Ok(GuardedHandshake::joined(connection.clone())))
}

/// Marks, for the layers inside, a request that may be upgraded to something else than a WebSocket.
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

fn set_up(parts: &mut Parts, real: OnUpgrade) -> Result<(Connection, Interception), Refusal> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(Refusal::misconfigured("a WebSocket can be guarded on a tokio runtime only"));
    };
    let client = parts.extensions.get::<ClientIp>().map(|client| client.0);
    let inner = ConnectionInner::new(client, &parts.method, runtime);
    let carrier = Carrier::of(parts.version);
    let (ours, connection, interception) = interception::open(inner, real, carrier)
        .ok_or_else(|| Refusal::misconfigured("hyper did not accept the guard's own handshake; please report this"))?;
    if let Some(subject) = parts.extensions.get::<Subject>() {
        connection.authenticate(subject)?;
    }
    // In place of the real one: every library that takes it gets the guarded connection.
    if let Some(real) = parts.extensions.get_mut::<OnUpgrade>() {
        *real = ours;
    }
    parts.extensions.insert(connection.clone());
    Ok((connection, interception))
}

#[cfg(test)]
mod tests {
    use http::{Request, StatusCode};

    use super::*;

    #[test]
    fn what_is_refused_cannot_be_upgraded_by_a_caller_that_goes_on_with_it() {
        let half = Request::get("/").header("upgrade", "websocket").body(()).unwrap();
        let (mut parts, ()) = half.into_parts();
        parts.extensions.insert(hyper::upgrade::on(Request::new(())));
        assert_eq!(intercept(&mut parts).unwrap_err().status(), StatusCode::BAD_REQUEST);
        assert!(parts.extensions.get::<OnUpgrade>().is_none());
    }
}
