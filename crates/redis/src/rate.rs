//! Handshakes a second, of all nodes together.
//!
//! The rate is GCRA, as it is for one node: the store has one number for each key, the time at which the whole burst
//! would be there again. A handshake moves it ahead by an interval, and is refused if it would lie further ahead than a
//! burst. The key expires at that time, so a client that does not come back costs nothing.
//!
//! Reading, deciding and writing are one script. Nodes that read first and wrote later would all read the same number,
//! and all admit.
//!
//! Which data answers is not asked for, unlike for permits: a rate that begins anew allows a burst at most, and fills
//! by itself.

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
    // At least a microsecond, the smallest step of the server's clock: none would be no limit.
    let interval = u64::try_from(rate.interval.as_micros()).unwrap_or(u64::MAX).max(1);
    let call = Call::new(&script::CHARGE).key(&node.settings.keys.handshakes(name));
    let call = call.arg(interval).arg(interval.saturating_mul(rate.burst.into()));
    let wait: u64 = node.ask(&session, by, call).await?;
    Ok(if wait == 0 { Ok(()) } else { Err(Duration::from_micros(wait)) })
}
