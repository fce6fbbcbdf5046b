//! Whether a handshake comes in time, and whether a plain request is let in, as plain functions of the time.

use std::time::Instant;

use http::request::Parts;
use portcullis_core::refusal::Refusal;
use portcullis_quota::Key;

use super::{rate::Rate, settings::Settings};

pub(super) fn admit(settings: &Settings, rate: &Rate, parts: &Parts, now: Instant) -> Result<(), Refusal> {
    let Some(key) = settings.key(parts, rate.secret())? else { return Ok(()) };
    let Err(wait) = rate.take(key, now) else { return Ok(()) };
    let refusal = settings.refusal(wait);
    if settings.report_only {
        refusal.report();
        return Ok(());
    }
    Err(refusal)
}

/// Returns whom the request counts against, if its token is not good.
pub(super) fn admit_plain(
    settings: &Settings,
    rate: &Rate,
    parts: &Parts,
    now: Instant,
) -> Result<Option<Key>, Refusal> {
    let Some(key) = settings.key_of_plain(parts, rate.secret()) else { return Ok(None) };
    let Some(wait) = rate.wait(key, now) else { return Ok(Some(key)) };
    let refusal = Settings::refusal_of_plain(wait).answering(parts);
    if settings.report_only {
        refusal.report();
        return Ok(Some(key));
    }
    Err(refusal)
}
