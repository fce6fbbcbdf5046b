//! The end: a session for a client that is let in, or the refusal.
//!
//! A handler inside finds the session in the request, and layers inside find the subject, or why there is none: that
//! decides whose limits a connection counts against. All of that is in place before the service inside is called.

use std::sync::Arc;

use http::{Method, request::Parts};
use portcullis_core::{
    identity::{self, NoSubject},
    policy::Policy,
    refusal::Refusal,
    upgrade::{self, GuardedHandshake},
};

use super::gate::gate;
use crate::{error::TokenError, policy::Expiry, session::Session, settings::Settings, spend::Spent};

/// How a client is admitted.
pub(super) enum Entry<T> {
    Verified(Spent<T>),
    Anonymous,
    First,
}

/// A handshake that is let in.
pub(crate) struct Admitted {
    pub(crate) guarded: Option<GuardedHandshake>,
    pub(crate) policy: Option<Box<dyn Policy>>,
    /// The peer is unknown until its first message: its handler's answer must be an upgrade, with this method.
    pub(crate) must_upgrade: Option<Method>,
}

impl Admitted {
    /// Of a request that is not a handshake there is nothing to guard.
    pub(super) fn plain() -> Self {
        Self { guarded: None, policy: None, must_upgrade: None }
    }
}

/// Lets a client in, unless what its token says is not enough.
pub(super) fn enter<T>(settings: &Arc<Settings<T>>, entry: Entry<T>, parts: &mut Parts) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    let first = matches!(entry, Entry::First);
    let no_subject = match entry {
        Entry::Verified(_) => NoSubject::Nameless,
        Entry::Anonymous => NoSubject::Anonymous,
        Entry::First => NoSubject::Awaited,
    };
    let session = Session::new(settings.clone(), first);
    if let Entry::Verified(spent) = entry
        && let Err(error) = session.open(spent)
    {
        return refuse(settings, error, parts);
    }
    let guarded = attach(settings, &session, no_subject, parts)?;
    let must_upgrade = (first && !settings.lets_unknown_in()).then(|| parts.method.clone());
    if must_upgrade.is_some() && guarded.is_none() {
        return refuse(settings, TokenError::Missing, parts);
    }
    let policy: Box<dyn Policy> = Box::new(Expiry(session.0));
    Ok(Admitted { guarded, policy: (!settings.report_only).then_some(policy), must_upgrade })
}

/// On report only, a client whose token is refused comes in as one without a token.
pub(super) fn refuse<T>(settings: &Arc<Settings<T>>, error: TokenError, parts: &mut Parts) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    refuse_as(settings, error.refusal(), parts)
}

pub(super) fn refuse_as<T>(
    settings: &Arc<Settings<T>>,
    refusal: Refusal,
    parts: &mut Parts,
) -> Result<Admitted, Refusal>
where
    T: Send + Sync + 'static,
{
    let refusal = refusal.answering(parts);
    if !settings.report_only {
        return Err(refusal);
    }
    refusal.report();
    enter(settings, Entry::Anonymous, parts)
}

/// Makes the session known to those inside, and to its connection. A layer outside may have authenticated the handshake
/// already, but not as another subject: what counts by subject would count different ones outside and inside.
fn attach<T>(
    settings: &Arc<Settings<T>>,
    session: &Session<T>,
    no_subject: NoSubject,
    parts: &mut Parts,
) -> Result<Option<GuardedHandshake>, Refusal>
where
    T: Send + Sync + 'static,
{
    match session.subject() {
        None => drop(parts.extensions.insert(no_subject)),
        Some(subject) => {
            if let Err(another) = identity::authenticate(parts, &subject) {
                let refusal = Refusal::from(another);
                if !settings.report_only {
                    return Err(refusal);
                }
                refusal.report();
            }
        }
    }
    parts.extensions.insert(session.clone());
    let Some(guarded) = upgrade::intercept(parts)? else { return Ok(None) };
    if !settings.report_only {
        session.attach(guarded.connection());
        guarded.connection().described_by(|| session.clone());
    }
    if no_subject == NoSubject::Awaited {
        guarded.gate(parts, gate(settings, session.clone(), &guarded))?;
    }
    Ok(Some(guarded))
}
