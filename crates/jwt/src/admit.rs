//! The decision about a handshake.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use http::Request;
use portcullis_core::{
    CloseFrame,
    guard::FirstMessage,
    identity::OriginChecked,
    policy::Policy,
    refusal::Refusal,
    upgrade::{self, Gate, Guarded},
};

use crate::{
    error::TokenError,
    first::First,
    policy::Expiry,
    session::Session,
    settings::Settings,
    source::{self, Taken, Token},
    subprotocols::Subprotocols,
    verify::{Verification, Verified},
};

/// What follows for a handshake.
pub(crate) enum Next<T> {
    /// The verification has to wait: for keys, or for the issuer's word.
    Verify(Box<Verifying<T>>),
    Decided(Box<Decision>),
}

/// Whether a handshake goes on to the inner service, and what the response then does about subprotocols.
pub(crate) struct Decision {
    pub(crate) outcome: Result<Admitted, Refusal>,
    pub(crate) subprotocols: Subprotocols,
}

/// A handshake that is let in.
pub(crate) struct Admitted {
    pub(crate) guarded: Option<Guarded>,
    pub(crate) policy: Option<Box<dyn Policy>>,
}

/// A verification that is under way.
pub(crate) struct Verifying<T> {
    verification: Verification<T>,
    settings: Arc<Settings<T>>,
    subprotocols: Subprotocols,
}

/// Takes the token out of a handshake, and begins with its verification.
pub(crate) fn begin<T, B>(settings: &Arc<Settings<T>>, request: &mut Request<B>) -> Next<T>
where
    T: Send + Sync + 'static,
{
    let (haul, outcome) = take(settings, request);
    if haul.ambient && request.extensions().get::<OriginChecked>().is_none() {
        settings.warn_of_cookies();
    }
    let Taken { token, subprotocols, .. } = haul;
    let outcome = match (outcome, token) {
        (Err(error), _) => refuse(settings, error, request),
        (Ok(()), Some(token)) => return Verifying::of(settings, &token, subprotocols).at_once(request),
        (Ok(()), None) if settings.first.is_some() => enter(settings, Entry::First, request),
        (Ok(()), None) if settings.optional => enter(settings, Entry::Anonymous, request),
        (Ok(()), None) => refuse(settings, TokenError::Missing, request),
    };
    Next::Decided(Box::new(Decision { outcome, subprotocols }))
}

impl<T: Send + Sync + 'static> Verifying<T> {
    fn of(settings: &Arc<Settings<T>>, token: &Token, subprotocols: Subprotocols) -> Self {
        Self { verification: settings.verify(&token.0), settings: settings.clone(), subprotocols }
    }

    /// Most verifications do not have to wait.
    fn at_once<B>(mut self, request: &mut Request<B>) -> Next<T> {
        match self.poll(&mut Context::from_waker(Waker::noop()), request) {
            Poll::Ready(decision) => Next::Decided(Box::new(decision)),
            Poll::Pending => Next::Verify(Box::new(self)),
        }
    }

    /// Must not be polled again once it is ready.
    pub(crate) fn poll<B>(&mut self, cx: &mut Context<'_>, request: &mut Request<B>) -> Poll<Decision> {
        let outcome = match ready!(Pin::new(&mut self.verification).poll(cx)) {
            Ok(verified) => enter(&self.settings, Entry::Verified(verified), request),
            Err(error) => refuse(&self.settings, error, request),
        };
        Poll::Ready(Decision { outcome, subprotocols: mem::take(&mut self.subprotocols) })
    }
}

fn take<T: 'static, B>(settings: &Settings<T>, request: &mut Request<B>) -> (Taken, Result<(), TokenError>) {
    let (mut parts, ()) = Request::new(()).into_parts();
    mem::swap(&mut parts.uri, request.uri_mut());
    mem::swap(&mut parts.headers, request.headers_mut());
    mem::swap(&mut parts.extensions, request.extensions_mut());
    let haul = source::take(settings.sources(), &mut parts);
    *request.uri_mut() = parts.uri;
    *request.headers_mut() = parts.headers;
    *request.extensions_mut() = parts.extensions;
    haul
}

/// As whom a client comes in.
enum Entry<T> {
    Verified(Verified<T>),
    Anonymous,
    First,
}

/// Lets a client in, unless what its token says is not enough.
fn enter<T, B>(settings: &Arc<Settings<T>>, entry: Entry<T>, request: &mut Request<B>) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    let first = matches!(entry, Entry::First);
    let session = Session::new(settings.clone(), first);
    if let Entry::Verified(verified) = entry
        && let Err(error) = session.open(verified)
    {
        return refuse(settings, error, request);
    }
    let guarded = attach(settings, &session, first, request)?;
    let policy: Box<dyn Policy> = Box::new(Expiry(session.0));
    Ok(Admitted { guarded, policy: (!settings.report_only).then_some(policy) })
}

/// On report only, a client whose token is refused comes in as one without a token.
fn refuse<T, B>(settings: &Arc<Settings<T>>, error: TokenError, request: &mut Request<B>) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    let refusal = error.refusal();
    if !settings.report_only {
        return Err(refusal);
    }
    refusal.report();
    enter(settings, Entry::Anonymous, request)
}

/// Makes the session known to those inside, and to its connection.
fn attach<T, B>(
    settings: &Arc<Settings<T>>,
    session: &Session<T>,
    first: bool,
    request: &mut Request<B>,
) -> Result<Option<Guarded>, Refusal>
where
    T: Send + Sync + 'static,
{
    let subject = session.subject();
    if let Some(subject) = &subject {
        request.extensions_mut().insert(subject.clone());
    }
    request.extensions_mut().insert(session.clone());
    let Some(guarded) = upgrade::enter(request)? else { return Ok(None) };
    if let Some(subject) = &subject {
        guarded.connection().authenticate(subject);
    }
    if !settings.report_only {
        session.attach(guarded.connection());
    }
    if first {
        guarded.gate(request, gate(settings, session.clone(), &guarded))?;
    }
    Ok(Some(guarded))
}

fn gate<T: Send + Sync + 'static>(settings: &Arc<Settings<T>>, session: Session<T>, guarded: &Guarded) -> Gate {
    let (settings, connection) = (settings.clone(), guarded.connection().clone());
    let first = settings.first.clone().unwrap_or_else(First::raw);
    let (within, at_most) = (first.within, first.at_most);
    let judge = async move |message: FirstMessage| -> Result<Option<String>, CloseFrame> {
        let open = async {
            let verified = settings.verify(&first.token(&message)?).await?;
            session.open(verified)
        };
        match open.await {
            Ok(()) => {}
            Err(error) if settings.report_only => error.refusal().report(),
            Err(error) => return Err(error.close_frame()),
        }
        if let Some(subject) = session.subject() {
            connection.authenticate(&subject);
        }
        Ok(first.answer)
    };
    Gate::new(judge).within(within).at_most(at_most).late(TokenError::Missing.close_frame())
}
