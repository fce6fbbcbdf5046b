//! Whether a handshake comes in time, as a plain function of the time.

use std::time::Instant;

use http::request::Parts;
use portcullis_core::refusal::Refusal;

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
