//! The gate in front of a handler whose client sends its token with the first message.
//!
//! The gate's timeout runs from the upgrade, and bounds the message and its verification together. A verification that
//! is slow because of the issuer must not be reported as a message that never came, so it has a deadline of its own,
//! which is never later.

use std::{sync::Arc, time::Duration};

use portcullis_core::{
    CloseFrame, IntoClose,
    clock::now,
    gate::{FirstMessage, Gate},
    shared::Deadline,
    upgrade::GuardedHandshake,
};

use crate::{session::Session, settings::Settings, token_message::TokenMessage};

/// Opens the session with the token of the first message. Until then the handler's upgrade does not complete.
pub(super) fn gate<T: Send + Sync + 'static>(
    settings: &Arc<Settings<T>>,
    session: Session<T>,
    guarded: &GuardedHandshake,
) -> Gate {
    let (settings, connection) = (settings.clone(), guarded.connection().clone());
    let first = settings.first.clone().unwrap_or_else(TokenMessage::raw);
    let (timeout, max_bytes, forward, late) = (first.timeout, first.max_bytes, first.forward, first.late());
    // No later than the gate's own: a client whose verification is slow must not read that it has sent no token.
    let until = now().checked_add(timeout);
    let judge = async move |message: FirstMessage| -> Result<Option<String>, CloseFrame> {
        let open = async {
            let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(now()));
            let verified = settings.verify_within(&first.token(&message)?, left).await?;
            settings.authorize(&verified)?;
            session.open(settings.spend_in_time(verified, Deadline::within).await?)
        };
        match open.await {
            Ok(()) => {}
            Err(error) if settings.report_only => error.refusal().report(),
            Err(error) => return Err(first.close_frame(error)),
        }
        // A cookie of the handshake, for example, may have named another subject.
        if let Some(subject) = session.subject()
            && let Err(another) = connection.authenticate(&subject)
            && !settings.report_only
        {
            return Err(another.into_close());
        }
        Ok(first.answer)
    };
    let gate = Gate::new(judge).timeout(timeout).max_bytes(max_bytes).close_frame(late);
    if forward { gate.forward() } else { gate }
}
