//! The interception of the upgrade.
//!
//! hyper hands an upgraded connection to whatever took `OnUpgrade` from the request's extensions. That value cannot be
//! constructed, but one can be had: an HTTP/1.1 connection of hyper's is run over an I/O object of ours that first
//! yields a fixed upgrade request, swallows the response, and then becomes the guarded connection. What its service
//! finds in the request is an `OnUpgrade` that resolves to the guarded connection, once the real one has.
//!
//! [`enter`] is for whoever writes a layer; `PolicyLayer` is made of it.

mod future;
mod inner;

use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, Version, header::SEC_WEBSOCKET_EXTENSIONS};
use hyper::upgrade::OnUpgrade;
use tokio::runtime::Handle;

pub use self::future::ResponseFuture;
use self::inner::Inner;
use crate::{
    close::CloseFrame,
    connection::{About, Connection},
    handshake,
    identity::{ClientAddr, Subject},
    policy::Policy,
    refusal::Refusal,
};
pub use crate::{
    gate::Gate,
    settings::{Closing, Settings},
};

/// Sets up the guarded connection for a handshake, or joins the one that an outer layer has set up.
///
/// `None` for a request that is no handshake, or that cannot be upgraded. Such a request loses its `OnUpgrade`, so that
/// nothing is upgraded unchecked.
///
/// # Errors
///
/// A refusal with status 500 outside of a tokio runtime.
pub fn enter<B>(request: &mut Request<B>) -> Result<Option<Guarded>, Refusal> {
    enter_as(request, None)
}

/// [`enter`], with settings. Those of the outermost layer that has some count, whoever sets the connection up.
///
/// # Errors
///
/// As [`enter`].
pub fn enter_with<B>(request: &mut Request<B>, settings: &Settings) -> Result<Option<Guarded>, Refusal> {
    enter_as(request, Some(settings))
}

fn enter_as<B>(request: &mut Request<B>, settings: Option<&Settings>) -> Result<Option<Guarded>, Refusal> {
    if !handshake::is_handshake(request) {
        leave_alone(request, settings.is_some_and(|settings| settings.other_upgrades));
        return Ok(None);
    }
    let method = request.method().clone();
    if let Some(connection) = request.extensions().get::<Connection>() {
        if let Some(client) = request.extensions().get::<ClientAddr>() {
            connection.locate(client.0);
        }
        if let Some(settings) = settings {
            connection.control().configure(settings);
        }
        return Ok(Some(Guarded { connection: connection.clone(), method, inner: None }));
    }
    let Some(real) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Ok(None);
    };
    let (connection, inner) = intercept(request, real)?;
    if let Some(settings) = settings {
        connection.control().configure(settings);
    }
    Ok(Some(Guarded { connection, method, inner: Some(inner) }))
}

/// Marks a request for the layers inside: it may be upgraded to something else.
#[derive(Clone)]
struct OtherUpgrades;

fn leave_alone<B>(request: &mut Request<B>, other_upgrades: bool) {
    let extensions = request.extensions_mut();
    if other_upgrades {
        extensions.insert(OtherUpgrades);
    }
    if extensions.get::<OtherUpgrades>().is_none() {
        extensions.remove::<OnUpgrade>();
    }
}

fn intercept<B>(request: &mut Request<B>, real: OnUpgrade) -> Result<(Connection, Inner), Refusal> {
    let Ok(runtime) = Handle::try_current() else {
        return Err(Refusal::wiring("a WebSocket can be guarded on a tokio runtime only"));
    };
    let client = request.extensions().get::<ClientAddr>().map(|client| client.0);
    let about = Arc::new(About::new(client, runtime));
    if let Some(subject) = request.extensions().get::<Subject>() {
        about.identify(subject);
    }
    let shutdown_first = request.version() >= Version::HTTP_2;
    let (ours, connection, inner) = inner::open(about, real, shutdown_first)
        .ok_or_else(|| Refusal::wiring("hyper did not accept the guard's own handshake; please report this"))?;
    request.extensions_mut().insert(ours);
    request.extensions_mut().insert(connection.clone());
    Ok((connection, inner))
}

/// A handshake whose connection will be guarded.
#[must_use = "a guarded handshake must be completed with its response"]
pub struct Guarded {
    connection: Connection,
    method: Method,
    /// Where this layer set the connection up.
    inner: Option<Inner>,
}

impl Guarded {
    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Holds the connection back from its handler until its first message was judged. To be called before the inner
    /// service is: a message must be readable to be judged, so the request loses its offer of compression.
    ///
    /// # Errors
    ///
    /// A refusal with status 500 if another layer does that already.
    pub fn gate<B>(&self, request: &mut Request<B>, gate: Gate) -> Result<(), Refusal> {
        request.headers_mut().remove(SEC_WEBSOCKET_EXTENSIONS);
        let only = self.connection.control().hold(gate);
        if only { Ok(()) } else { Err(Refusal::wiring("two layers wait for a connection's first message")) }
    }

    /// Runs what belongs to the handshake in the connection's span: the call of the inner service, and its future's polls.
    /// Whoever drops this before has refused the handshake.
    pub fn run<R>(&self, run: impl FnOnce() -> R) -> R {
        if self.inner.is_none() {
            return run();
        }
        let about = self.connection.about();
        about.life.asked();
        about.scope.run(run)
    }

    /// The inner service failed: there is no response.
    pub fn failed(self) {
        if self.inner.is_some() {
            self.connection.about().life.failed();
        }
    }

    /// Whether a response completes the upgrade.
    pub fn is_upgrade<B>(&self, response: &Response<B>) -> bool {
        handshake::is_upgrade(&self.method, response.status())
    }

    /// Completes a handshake of which nobody shall get the connection: it is closed at once. The gate stays shut, and is
    /// dropped when the connection has come or failed to. If the response has no [`Refusal`] in its extensions, it counts
    /// as the handler's.
    pub fn turn_away<B>(self, response: &Response<B>, frame: CloseFrame, gate: Gate) {
        self.refused(response);
        self.connection.control().hold(gate);
        self.connection.close(frame);
        self.complete(response, None);
    }

    /// The response is not an upgrade, or is one that nobody gets.
    fn refused<B>(&self, response: &Response<B>) {
        let by_a_layer = response.extensions().get::<Refusal>().is_some();
        self.connection.about().life.refused(response.status(), by_a_layer);
    }

    /// Completes the handshake: if the response is an upgrade, the policy is installed, and the connection begins.
    pub fn complete<B>(self, response: &Response<B>, policy: Option<Box<dyn Policy>>) {
        if !self.is_upgrade(response) {
            if self.inner.is_some() {
                self.refused(response);
            }
            return;
        }
        if let Some(policy) = policy {
            self.connection.control().install_outermost(policy);
        }
        if let Some(inner) = self.inner {
            if agreed_to_compress(response.headers()) {
                self.connection.control().allow_compression();
            }
            self.connection.about().life.granted();
            inner.run();
        }
    }
}

impl std::fmt::Debug for Guarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded").field("connection", &self.connection).finish_non_exhaustive()
    }
}

fn agreed_to_compress(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    values.any(|value| value.as_bytes().windows(18).any(|part| part.eq_ignore_ascii_case(b"permessage-deflate")))
}
