//! The beginning: takes the token out of a request, and asks for its verification.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use http::request::Parts;
use portcullis_core::{identity::OriginChecked, refusal::Refusal};

use super::enter::{Admitted, Entry, enter, refuse};
use crate::{
    error::TokenError,
    settings::Settings,
    source::{Taken, Token},
    subprotocols::Subprotocols,
    verify::Verification,
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

/// A verification that is under way.
pub(crate) struct Verifying<T> {
    verification: Verification<T>,
    settings: Arc<Settings<T>>,
    subprotocols: Subprotocols,
}

/// Takes the token out of a handshake, and begins with its verification.
pub(crate) fn begin<T>(settings: &Arc<Settings<T>>, parts: &mut Parts) -> Next<T>
where
    T: Send + Sync + 'static,
{
    let (haul, outcome) = settings.take(parts);
    if haul.ambient && parts.extensions.get::<OriginChecked>().is_none() {
        settings.warn_of_cookies();
    }
    let Taken { token, subprotocols, .. } = haul;
    let outcome = match (outcome, token) {
        (Err(error), _) => refuse(settings, error, parts),
        (Ok(()), Some(token)) => return Verifying::of(settings, &token, subprotocols).at_once(parts),
        (Ok(()), None) if settings.first.is_some() => enter(settings, Entry::First, parts),
        (Ok(()), None) if settings.optional => enter(settings, Entry::Anonymous, parts),
        (Ok(()), None) => refuse(settings, TokenError::Missing, parts),
    };
    Next::Decided(Box::new(Decision { outcome, subprotocols }))
}

impl<T: Send + Sync + 'static> Verifying<T> {
    fn of(settings: &Arc<Settings<T>>, token: &Token, subprotocols: Subprotocols) -> Self {
        Self { verification: settings.verify(&token.0), settings: settings.clone(), subprotocols }
    }

    /// Most verifications do not have to wait.
    fn at_once(mut self, parts: &mut Parts) -> Next<T> {
        match self.poll(&mut Context::from_waker(Waker::noop()), parts) {
            Poll::Ready(decision) => Next::Decided(Box::new(decision)),
            Poll::Pending => Next::Verify(Box::new(self)),
        }
    }

    /// Must not be polled again once it is ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, parts: &mut Parts) -> Poll<Decision> {
        let outcome = match ready!(Pin::new(&mut self.verification).poll(cx)) {
            Ok(verified) => enter(&self.settings, Entry::Verified(verified), parts),
            Err(error) => refuse(&self.settings, error, parts),
        };
        Poll::Ready(Decision { outcome, subprotocols: mem::take(&mut self.subprotocols) })
    }
}
