//! What a message costs where nodes share its quota, beside the same layer for one node.

use std::{io, num::NonZeroUsize, sync::Arc, time::Duration};

use axum::Router;
use portcullis_core::shared::{Away, Buyer, Grant, Name, Purchase, Rate, ShareQuotas};

use crate::{allocations, callgrind, parts, parts::Part, plan::Plan, report, shape::Shape, side::Side};

/// How many instructions more a message may cost: where blocks are large, and where half of one is bought after each 33
/// messages.
const MORE: [(Side, f64); 2] = [(Side::Shared, 60.0), (Side::SharedOften, 90.0)];

/// Sells whatever is wanted, on the spot: what a store costs is another matter, and no message waits for it.
#[derive(Clone)]
struct Seller;

impl ShareQuotas for Seller {
    fn name(&self, _: &str, _: &[u8]) -> Name {
        Name::from_bytes([7; 16])
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(100)
    }

    fn away(&self) -> Away {
        Away::Share { nodes: NonZeroUsize::MIN }
    }

    fn nodes(&self) -> usize {
        2
    }

    fn buy(&self, purchase: Purchase, buyer: Arc<dyn Buyer>) -> Result<(), Away> {
        buyer.answered(Ok(Grant { cells: purchase.want, retry_after: Duration::ZERO, full_in: Duration::ZERO }));
        Ok(())
    }

    fn give_back(&self, _: Name, _: Rate, _: u64) {}
}

/// The layer that limits the messages of a subject, which buys `block` messages at once.
pub(crate) fn guard(routes: Router, block: u32) -> Router {
    parts::identified(routes.layer(parts::rate().shared(&Seller).block(block)))
}

/// Counts, prints, and says whether all is within bounds.
pub(crate) fn gates(plan: &Plan) -> io::Result<bool> {
    report::shared_head();
    let mut passed = true;
    for shape in [Shape::Batch, Shape::Flush] {
        for (side, most) in MORE {
            let count = |side| allocations::per_message(plan, side, shape);
            let allocations = count(side)? - count(Side::Alone(Part::RateOfSubject))?;
            let count = |side| callgrind::per_message(plan, side, shape);
            let (Some(local), Some(shared)) = (count(Side::Alone(Part::RateOfSubject))?, count(side)?) else {
                report::uncounted();
                return Ok(passed);
            };
            passed &= report::shared(side.name(), shape, allocations, [local, shared], most);
        }
    }
    Ok(passed)
}
