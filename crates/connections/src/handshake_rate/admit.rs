//! Whether a handshake comes in time, and whether a plain request is let in, as plain functions of the time.

use std::time::Instant;

use http::request::Parts;
use portcullis_core::refusal::{Kind, Refusal};
use portcullis_quota::Key;

use super::{rate::Rate, settings::Settings};

pub(super) fn admit(settings: &Settings, rate: &Rate, parts: &Parts, now: Instant) -> Result<(), Refusal> {
    let judged = settings.key(parts, rate.secret()).and_then(|key| match key {
        Some(key) => rate.take(key, now).map_err(|wait| settings.refusal(wait)),
        None => Ok(()),
    });
    match judged {
        Err(refusal) if settings.report_only && refusal.kind() != Kind::WIRING => {
            refusal.report();
            Ok(())
        }
        judged => judged,
    }
}

/// Returns the key that the request counts against, if its token is not valid.
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
