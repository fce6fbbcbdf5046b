//! What is counted rather than timed, and must not exceed its bounds.

use std::{io, thread};

use crate::{
    allocations, callgrind,
    duplex::{self, IDLE_CONNECTIONS},
    plan::Plan,
    report,
    shape::Shape,
    shared,
    side::Side,
    stats::Round,
    tcp,
};

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
            Shape::Batch => Some([45.0, 70.0]),
            Shape::Flush => Some([580.0, 2_000.0]),
            // What the heap's layout costs differs from build to build.
            Shape::Handshake | Shape::Ping | Shape::Refused => None,
        };
        passed &= report::exact("instructions", shape, counted, bounds);
    }
    passed &= shared::gates(plan)?;
    passed &= idle()?;
    Ok(passed & alone()?)
}

/// Bytes of the heap that an idle connection may have beyond bare axum's.
const IDLE: [(Side, f64); 2] = [(Side::Core, 660.0), (Side::Every, 1_600.0)];

fn idle() -> io::Result<bool> {
    report::idle_head();
    let bare = duplex::weigh(Side::Bare, IDLE_CONNECTIONS)?;
    let mut passed = true;
    for (side, most) in IDLE {
        let more = duplex::weigh(side, IDLE_CONNECTIONS)? - bare;
        passed &= report::idle(side.name(), bare, more, most);
    }
    Ok(passed)
}

/// Handshakes of each server, once and then twice as many.
const HANDSHAKES: u64 = 100;

/// A shape of which two sides are counted, and how much more the second may cost. What another run counts differs by
/// some hundreds: it depends on when the server learns that a client is gone.
struct Gate {
    name: &'static str,
    shape: Shape,
    sides: [Side; 2],
    most: f64,
}

const fn gate(name: &'static str, shape: Shape, sides: [Side; 2], most: f64) -> Gate {
    Gate { name, shape, sides, most }
}

const ALONE: [Gate; 5] = [
    gate("handshake, core - bare", Shape::Handshake, [Side::Bare, Side::Core], 16_500.0),
    gate("handshake, every - bare", Shape::Handshake, [Side::Bare, Side::Every], 58_500.0),
    gate("HS256, layer - by hand", Shape::Handshake, [Side::ByHand, Side::Token], 13_000.0),
    gate("401, layer - by hand", Shape::Refused, [Side::ByHand, Side::Token], -3_500.0),
    gate("close, layers - by hand", Shape::Refused, [Side::ByHandClose, Side::TokenClose], 16_500.0),
];

/// Instructions of a server alone, without hashes.
fn alone() -> io::Result<bool> {
    report::alone_head();
    let mut passed = true;
    for Gate { name, shape, sides, most } in ALONE {
        let [first, second] = thread::scope(|scope| {
            let counts = sides.map(|side| scope.spawn(move || tcp::each(side, shape, HANDSHAKES)));
            counts.map(|count| count.join().unwrap_or_else(|_| Err(io::Error::other("a count panicked"))))
        });
        let (Some(first), Some(second)) = (first?, second?) else {
            report::uncounted();
            return Ok(true);
        };
        passed &= report::alone(name, first.without_hashes(), second.without_hashes(), most);
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
