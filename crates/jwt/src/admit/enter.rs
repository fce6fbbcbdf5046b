//! The end: a session for a client that is let in, or the refusal.

use std::sync::Arc;

use http::Request;
use portcullis_core::{
    policy::Policy,
    refusal::Refusal,
    upgrade::{self, Guarded},
};

use super::gate::gate;
use crate::{error::TokenError, policy::Expiry, session::Session, settings::Settings, verify::Verified};

/// As whom a client comes in.
pub(super) enum Entry<T> {
    Verified(Verified<T>),
    Anonymous,
    First,
}

/// A handshake that is let in.
pub(crate) struct Admitted {
    pub(crate) guarded: Option<Guarded>,
    pub(crate) policy: Option<Box<dyn Policy>>,
}

/// Lets a client in, unless what its token says is not enough.
pub(super) fn enter<T, B>(
    settings: &Arc<Settings<T>>,
    entry: Entry<T>,
    request: &mut Request<B>,
) -> Result<Admitted, Refusal>
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
pub(super) fn refuse<T, B>(
    settings: &Arc<Settings<T>>,
    error: TokenError,
    request: &mut Request<B>,
) -> Result<Admitted, Refusal>
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
