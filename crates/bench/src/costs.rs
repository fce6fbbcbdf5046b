//! What each layer adds, alone: instructions of a message, and memory of a connection. What all of them do to a
//! handshake and to a ping.

use std::{io, thread};

use crate::{callgrind, duplex, parts::Part, plan::Plan, report, shape::Shape, side::Side, stats::Round};

/// Instructions of a message that comes in a batch, of one that comes alone, and bytes of a connection.
type Costs = [f64; 3];

/// Connections whose bytes are counted.
const WEIGHED: u32 = 1024;

/// Counts and prints.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    let plan = Plan { exact: plan.exact / 4, ..*plan };
    let [Some(bare), Some(core), Some(every)] = sides(&plan, Side::LAYERS)? else {
        report::uncounted();
        return Ok(());
    };
    report::costs_head();
    report::costs("bare", bare);
    report::costs("core - bare", less(core, bare));
    for parts in Part::ALL.chunks_exact(3) {
        let costs = sides(&plan, [Side::Alone(parts[0]), Side::Alone(parts[1]), Side::Alone(parts[2])])?;
        for (part, costs) in parts.iter().zip(costs) {
            report::costs(&format!("{} - core", part.name()), less(costs.unwrap_or_default(), core));
        }
    }
    report::costs("every - core", less(every, core));
    rare(&plan)
}

/// `None` where nothing counts instructions.
fn sides<const N: usize>(plan: &Plan, sides: [Side; N]) -> io::Result<[Option<Costs>; N]> {
    let mut counted = [None; N];
    let instructions = side_by_side(plan, sides)?;
    for ((counted, instructions), side) in counted.iter_mut().zip(instructions).zip(sides) {
        if let Some([batched, alone]) = instructions {
            *counted = Some([batched, alone, duplex::weigh(side, WEIGHED)?]);
        }
    }
    Ok(counted)
}

/// What valgrind counts is the same however busy the machine is.
fn side_by_side<const N: usize>(plan: &Plan, sides: [Side; N]) -> io::Result<[Option<[f64; 2]>; N]> {
    let mut counted = [None; N];
    thread::scope(|scope| {
        let running = sides.map(|side| scope.spawn(move || instructions(plan, side)));
        for (counted, running) in counted.iter_mut().zip(running) {
            *counted = running.join().map_err(|_| io::Error::other("a count panicked"))??;
        }
        Ok(counted)
    })
}

fn instructions(plan: &Plan, side: Side) -> io::Result<Option<[f64; 2]>> {
    let batched = callgrind::per_message(plan, side, Shape::Batch)?;
    let alone = callgrind::per_message(plan, side, Shape::Flush)?;
    Ok(batched.zip(alone).map(|(batched, alone)| [batched, alone]))
}

fn less(costs: Costs, others: Costs) -> Costs {
    [costs[0] - others[0], costs[1] - others[1], costs[2] - others[2]]
}

fn rare(plan: &Plan) -> io::Result<()> {
    // They come no faster than they are due.
    let few = Plan { exact: plan.exact / 4, ..*plan };
    let pinged = [Side::Bare, Side::Alone(Part::KeepAlive), Side::Every];
    report::rare("a ping and its pong", ["by hand", "keepalive", "every"], counted(&few, Shape::Ping, pinged)?);
    report::rare("a handshake", ["bare", "core", "every"], counted(plan, Shape::Handshake, Side::LAYERS)?);
    Ok(())
}

fn counted(plan: &Plan, shape: Shape, sides: [Side; 3]) -> io::Result<Round> {
    let mut round = Round::default();
    for (cost, side) in round.iter_mut().zip(sides) {
        *cost = callgrind::per_message(plan, side, shape)?.unwrap_or_default();
    }
    Ok(round)
}
