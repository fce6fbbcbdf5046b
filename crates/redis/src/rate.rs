//! Handshakes a second, of all nodes together.

use std::time::Duration;

use portcullis_core::shared::{Deadline, Name, Rate};

use crate::{
    node::{NoAnswer, Node},
    script::{self, Call},
};

/// Charges one handshake, or says how long to wait for one.
pub(crate) async fn charge(
    node: &Node,
    name: Name,
    rate: Rate,
    by: Deadline,
) -> Result<Result<(), Duration>, NoAnswer> {
    let session = node.session().ok_or(NoAnswer)?;
    let interval = u64::try_from(rate.interval.as_micros()).unwrap_or(u64::MAX).max(1);
    let call = Call::new(&script::CHARGE).key(&node.settings.keys.handshakes(name));
    let call = call.arg(interval).arg(interval.saturating_mul(rate.burst.into()));
    let wait: u64 = node.ask(&session, by, call).await?;
    Ok(if wait == 0 { Ok(()) } else { Err(Duration::from_micros(wait)) })
}
