//! Requests that are not handshakes: what authenticates them, and what a cookie is good for.
//!
//! A cookie is special: a browser sends it along with any request to the server, from whatever page. So it
//! authenticates a request that only reads, whose answer a foreign page does not get, and one that an origin check
//! outside has passed ([`CsrfChecked`]). Every other request needs a token that a page has to put there itself.

use std::sync::Arc;

use http::{Method, StatusCode, request::Parts};
use portcullis_core::{
    csrf::CsrfChecked,
    identity,
    refusal::{Kind, Refusal},
    upgrade,
};

use super::begin::{Verifying, judge};
use crate::{error::TokenError, session::Session, settings::Settings, source::Taken, spend::Spent};

/// Marks a request that a layer for handshakes alone has let pass, for extractors.
#[cfg(feature = "axum")]
#[derive(Clone)]
pub(crate) struct HandshakesOnly;

/// Which requests a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Good {
    ForAll,
    /// It came as a cookie, and its origin was not checked.
    ForReading,
}

/// Authenticates a request that is not a handshake. Returns the verification, if that has to wait.
pub(crate) fn plain<T>(settings: &Arc<Settings<T>>, parts: &mut Parts) -> Result<Option<Box<Verifying<T>>>, Refusal>
where
    T: Send + Sync + 'static,
{
    // It loses what could upgrade it.
    upgrade::intercept(parts)?;
    if settings.plain.handshakes_only {
        #[cfg(feature = "axum")]
        parts.extensions.insert(HandshakesOnly);
        return Ok(None);
    }
    let (Taken { token, ambient, .. }, outcome) = settings.take_plain(parts);
    let token = match (outcome, token) {
        (Err(error), _) => return refuse_plain(settings, error.refusal(), parts).map(|()| None),
        (Ok(()), Some(token)) => token,
        (Ok(()), None) => return without(settings, parts).map(|()| None),
    };
    let good = match good_for(ambient, parts) {
        Ok(good) => good,
        Err(refusal) => return refuse_plain(settings, refusal, parts).map(|()| None),
    };
    match judge(settings, &token, parts) {
        Ok(result) => finish(settings, result, good, parts).map(|()| None),
        Err(stage) => Ok(Some(Box::new(Verifying::plain(settings, stage, good)))),
    }
}

/// What a request may do by its token. A foreign page can make a browser send its cookies along: with what only reads,
/// the page does not get the answer; with anything else the harm is done.
pub(super) fn good_for(ambient: bool, parts: &Parts) -> Result<Good, Refusal> {
    if !ambient || parts.extensions.get::<CsrfChecked>().is_some() {
        return Ok(Good::ForAll);
    }
    if reads(&parts.method) { Ok(Good::ForReading) } else { Err(cookie_not_enough()) }
}

pub(crate) fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(crate) fn cookie_not_enough() -> Refusal {
    Refusal::new(Kind::COOKIE_NOT_ENOUGH, StatusCode::FORBIDDEN).with_message(
        "A cookie authenticates GET and HEAD alone, where no origin check stands in front: put an OriginLayer with \
         plain_requests() outside of the JwtLayer.",
    )
}

/// The end: a session for those inside, unless the token is not good.
pub(super) fn finish<T>(
    settings: &Arc<Settings<T>>,
    result: Result<Spent<T>, TokenError>,
    good: Good,
    parts: &mut Parts,
) -> Result<(), Refusal>
where
    T: Send + Sync + 'static,
{
    let session = Session::plain(settings.clone(), good);
    if let Err(error) = result.and_then(|spent| session.open(spent)) {
        return refuse_plain(settings, error.refusal(), parts);
    }
    // As of a handshake: what counts by subject would count different ones outside and inside.
    if let Some(subject) = session.subject()
        && let Err(another) = identity::authenticate(parts, &subject)
    {
        let refusal = Refusal::from(another).answering(parts);
        if !settings.report_only {
            return Err(refusal);
        }
        refusal.report();
    }
    parts.extensions.insert(session);
    Ok(())
}

fn without<T>(settings: &Arc<Settings<T>>, parts: &mut Parts) -> Result<(), Refusal>
where
    T: Send + Sync + 'static,
{
    if !settings.optional {
        return refuse_plain(settings, TokenError::Missing.refusal(), parts);
    }
    anonymous(settings, parts);
    Ok(())
}

/// On report only, a request whose token is refused passes as one without a token.
fn refuse_plain<T>(settings: &Arc<Settings<T>>, refusal: Refusal, parts: &mut Parts) -> Result<(), Refusal>
where
    T: Send + Sync + 'static,
{
    let refusal = refusal.answering(parts);
    if !settings.report_only {
        return Err(refusal);
    }
    refusal.report();
    anonymous(settings, parts);
    Ok(())
}

fn anonymous<T: Send + Sync + 'static>(settings: &Arc<Settings<T>>, parts: &mut Parts) {
    parts.extensions.insert(Session::plain(settings.clone(), Good::ForAll));
}
