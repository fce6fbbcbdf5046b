//! The beginning: takes the token out of a request, and asks for its verification.
//!
//! What decides, in this order:
//!
//! 1. A source that is there and malformed, such as two tokens in one header, is a refusal. Another source is not
//!    tried: the client would not know which of them counted.
//! 2. A cookie of an unchecked origin, on a request that is a handshake by its headers and something else by its
//!    method, is refused as a request that may be forged.
//! 3. A token is verified; then `authorize` judges its claims; then a single-use token is spent. Each step is reached
//!    only by what has passed those before, so that a forged token uses up nothing.
//! 4. Without a token, the first message may bring one, or the layer is optional, or it is a 401.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Method, Version, request::Parts};
use portcullis_core::{
    identity::OriginChecked,
    refusal::{Refusal, note_refusing},
    shared::Deadline,
};

use super::{
    enter::{Admitted, Entry, enter, refuse, refuse_as},
    plain::{Good, finish, good_for},
};
use crate::{
    error::TokenError,
    settings::Settings,
    source::{Taken, Token},
    spend::{Spending, Spent},
    subprotocols::Subprotocols,
    verify::{Verification, Verified},
};

/// What follows for a handshake.
pub(crate) enum Next<T> {
    /// The verification has to wait: for keys, or for the issuer's word.
    Verify(Box<Verifying<T>>),
    Decided(Decision),
}

/// Whether a handshake goes on to the inner service, and what the response then does about subprotocols.
pub(crate) struct Decision {
    pub(crate) outcome: Result<Admitted, Refusal>,
    pub(crate) subprotocols: Subprotocols,
}

/// A token that is being judged.
pub(crate) struct Verifying<T> {
    stage: Stage<T>,
    settings: Arc<Settings<T>>,
    subprotocols: Subprotocols,
    /// What the token would be good for, where the request is not a handshake.
    plain: Option<Good>,
}

pub(super) enum Stage<T> {
    Verification(Verification<T>),
    /// Other nodes are asked whether a ticket was used.
    Spending(Spending<T>),
}

/// Takes the token out of a handshake, and begins with its verification.
pub(crate) fn begin<T>(settings: &Arc<Settings<T>>, parts: &mut Parts) -> Next<T>
where
    T: Send + Sync + 'static,
{
    note_refusing(parts);
    let (haul, outcome) = settings.take(parts);
    let unchecked = haul.ambient && parts.extensions.get::<OriginChecked>().is_none();
    if unchecked {
        settings.warn_of_cookies();
    }
    // One that no browser's socket would send is judged as what it may be to a handler: any request with such headers.
    let forged = if is_ordinary(parts) { None } else { good_for(unchecked, parts).err() };
    let Taken { token, subprotocols, .. } = haul;
    let outcome = match (outcome, forged, token) {
        (Err(error), ..) => refuse(settings, error, parts),
        (Ok(()), Some(refusal), _) => refuse_as(settings, refusal, parts),
        (Ok(()), None, Some(token)) => match judge(settings, &token, parts) {
            Ok(result) => end(settings, result, parts),
            Err(stage) => {
                let settings = settings.clone();
                return Next::Verify(Box::new(Verifying { stage, settings, subprotocols, plain: None }));
            }
        },
        (Ok(()), None, None) if settings.first.is_some() && may_wait(settings, parts) => {
            enter(settings, Entry::First, parts)
        }
        (Ok(()), None, None) if settings.optional => enter(settings, Entry::Anonymous, parts),
        (Ok(()), None, None) => refuse(settings, TokenError::Missing, parts),
    };
    Next::Decided(Decision { outcome, subprotocols })
}

/// Whether the method is that of a handshake: `GET`, or over HTTP/2 `CONNECT`.
fn is_ordinary(parts: &Parts) -> bool {
    if parts.version >= Version::HTTP_2 && parts.method == Method::CONNECT {
        return true;
    }
    parts.method == Method::GET
}

/// Whether a handshake may come in to send its token later. Handlers of other requests than handshakes rely on the
/// layer, unless it is for handshakes alone.
fn may_wait<T>(settings: &Settings<T>, parts: &Parts) -> bool {
    settings.plain.handshakes_only || is_ordinary(parts)
}

/// Verifies a token and spends it, which most do not have to wait for. Returns where it stands if it does.
#[expect(clippy::result_large_err, reason = "what has to wait is put into a box right away")]
pub(super) fn judge<T>(
    settings: &Settings<T>,
    token: &Token,
    parts: &mut Parts,
) -> Result<Result<Spent<T>, TokenError>, Stage<T>>
where
    T: Send + Sync + 'static,
{
    let result = settings.verify(&token.0).map_err(Stage::Verification)?;
    spend(settings, result, parts).map_err(Stage::Spending)
}

/// Spends a token that was verified, if its claims allow what it is for.
#[expect(clippy::result_large_err, reason = "what has to wait is put into a box right away")]
fn spend<T>(
    settings: &Settings<T>,
    result: Result<Verified<T>, TokenError>,
    parts: &mut Parts,
) -> Result<Result<Spent<T>, TokenError>, Spending<T>>
where
    T: Send + Sync + 'static,
{
    let verified = match result {
        Ok(verified) => verified,
        Err(error) => return Ok(Err(error)),
    };
    if let Err(error) = settings.authorize(&verified) {
        return Ok(Err(error));
    }
    settings.spend(verified, |patience| Deadline::of(&mut parts.extensions, patience))
}

/// The end of a handshake with a token.
fn end<T>(
    settings: &Arc<Settings<T>>,
    result: Result<Spent<T>, TokenError>,
    parts: &mut Parts,
) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    match result {
        Ok(spent) => enter(settings, Entry::Verified(spent), parts),
        Err(error) => refuse(settings, error, parts),
    }
}

impl<T: Send + Sync + 'static> Verifying<T> {
    /// Of a request that is not a handshake.
    pub(super) fn plain(settings: &Arc<Settings<T>>, stage: Stage<T>, good: Good) -> Self {
        Self { stage, settings: settings.clone(), subprotocols: Subprotocols::default(), plain: Some(good) }
    }

    /// Must not be polled again once it is ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, parts: &mut Parts) -> Poll<Decision> {
        let result = loop {
            match &mut self.stage {
                Stage::Verification(verification) => {
                    let result = ready!(Pin::new(verification).poll(cx));
                    match spend(&self.settings, result, parts) {
                        Ok(result) => break result,
                        Err(spending) => self.stage = Stage::Spending(spending),
                    }
                }
                Stage::Spending(spending) => break ready!(Pin::new(spending).poll(cx)),
            }
        };
        if let Some(good) = self.plain {
            let nothing = |()| Admitted::plain();
            let outcome = finish(&self.settings, result, good, parts).map(nothing);
            return Poll::Ready(Decision { outcome, subprotocols: Subprotocols::default() });
        }
        let outcome = end(&self.settings, result, parts);
        Poll::Ready(Decision { outcome, subprotocols: mem::take(&mut self.subprotocols) })
    }
}
