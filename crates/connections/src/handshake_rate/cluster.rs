//! Handshakes that all nodes count together.
//!
//! The node decides first, by its own count. So the store is asked about no more handshakes than the quota allows this
//! node alone, and a flood stops here. The wait is a part of the handshake's deadline; a client that disconnects drops
//! it.

use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    clock::now,
    refusal::Refusal,
    shared::{Away, Deadline, Rate as Quota},
    upgrade::AdmissionVerdict,
};

use super::{rate::Rate, settings::Settings};

/// Asks the store about a handshake that this node lets in. While the store is away, what the node counts decides.
pub(super) fn ask(
    settings: &Settings,
    quota: Quota,
    rate: &Arc<Rate>,
    parts: &mut Parts,
) -> Result<AdmissionVerdict, Refusal> {
    let Some(store) = &settings.shared else { return Ok(AdmissionVerdict::ready(Ok(()))) };
    let (name, key) = (settings.name(store.as_ref(), parts)?, settings.key(parts, rate.secret())?);
    let (Some(name), Some(key)) = (name, key) else { return Ok(AdmissionVerdict::ready(Ok(()))) };
    let by = Deadline::of(&mut parts.extensions, store.patience());
    let charged = store.charge(name, quota, by);
    // The future outlives the call. Dropping it when the client disconnects leaves the charge in place: it was a
    // handshake.
    let (settings, rate) = (settings.clone(), rate.clone());
    Ok(AdmissionVerdict::wait(async move {
        let judged = match charged.await {
            Ok(taken) => taken.map_err(|wait| settings.refusal(wait)),
            Err(Away::Alone) => Ok(()),
            Err(Away::Share { nodes }) => rate.take_share(key, nodes, now()).map_err(|wait| settings.refusal(wait)),
            Err(Away::Refuse { retry_after }) => Err(Refusal::limits_unavailable(retry_after)),
            Err(_) => Err(Refusal::limits_unavailable(std::time::Duration::from_secs(1))),
        };
        match judged {
            Err(refusal) if settings.report_only => {
                refusal.report();
                Ok(())
            }
            judged => judged,
        }
    }))
}
