//! What is counted rather than timed, and must not exceed its bounds.

use std::io;

use crate::{allocations, callgrind, plan::Plan, report, shape::Shape, side::Side, stats::Round};

/// Counts, prints, and says whether all is within bounds.
pub(crate) fn gates(plan: &Plan) -> io::Result<bool> {
    report::exact_head();
    let mut passed = true;
    for shape in Shape::GATED {
        let counted = each_side(|side| allocations::per_message(plan, side, shape).map(Some))?;
        let bounds = (shape != Shape::Handshake).then_some([0.0, 0.0]);
        passed &= report::exact("allocations", shape, counted, bounds);
    }
    for shape in Shape::GATED {
        let counted = each_side(|side| callgrind::per_message(plan, side, shape))?;
        let bounds = match shape {
            Shape::Batch => Some([60.0, 90.0]),
            Shape::Flush => Some([720.0, 2_200.0]),
            // What the heap's layout costs differs from build to build.
            Shape::Handshake | Shape::Ping | Shape::Refused => None,
        };
        passed &= report::exact("instructions", shape, counted, bounds);
    }
    Ok(passed)
}

/// `None` where it could not be counted.
fn each_side(count: impl Fn(Side) -> io::Result<Option<f64>>) -> io::Result<Option<Round>> {
    let mut counted = Round::default();
    for (index, side) in Side::RATES.into_iter().enumerate() {
        let Some(cost) = count(side)? else {
            return Ok(None);
        };
        counted[index] = cost;
    }
    Ok(Some(counted))
}
