//! What is counted, of four kinds at once.

use std::ops::{Index, IndexMut};

use portcullis_core::{
    frame::{FrameHeader, Opcode},
    policy::Batch,
};
use portcullis_quota::Meter;

/// What has a quota of its own. It indexes the arrays below, which have a place for each kind, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Messages,
    Bytes,
    Control,
    Continuations,
}

pub(crate) const KINDS: usize = Kind::ALL.len();

/// When each kind would be full again; zero is long ago.
pub(crate) type Cells = [u64; KINDS];

/// How much of each kind is requested.
pub(crate) type Demand = [u64; KINDS];

/// The quotas; a kind without one is not limited.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meters(pub(crate) [Option<Meter>; KINDS]);

/// Why a demand is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over {
    /// The first kind that there is not enough of.
    pub(crate) kind: Kind,
    /// When there would be enough of all.
    pub(crate) ready: u64,
    /// More was requested than there ever is, of any kind.
    pub(crate) never: bool,
    /// More bytes were.
    pub(crate) too_big: bool,
    pub(crate) cause: Cause,
}

/// What stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The quota.
    Quota,
    /// A purchase is under way, so it is not known yet.
    UnderWay,
    /// The store is away, and is configured to admit nothing then.
    Unavailable,
}

impl Over {
    /// Of messages that this node may not admit by itself.
    pub(crate) fn of_messages(ready: u64, cause: Cause) -> Self {
        Self { kind: Kind::Messages, ready, never: false, too_big: false, cause }
    }
}

impl Kind {
    /// All of them, in their order.
    const ALL: [Self; 4] = [Self::Messages, Self::Bytes, Self::Control, Self::Continuations];
}

impl<T> Index<Kind> for [T; KINDS] {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        &self[kind as usize]
    }
}

impl<T> IndexMut<Kind> for [T; KINDS] {
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        &mut self[kind as usize]
    }
}

pub(crate) fn of_batch(batch: &Batch) -> Demand {
    [batch.messages.frames.into(), batch.bytes(), batch.control_frames().into(), batch.continuations.frames.into()]
}

pub(crate) fn of_frame(frame: &FrameHeader) -> Demand {
    let bytes = frame.payload_len();
    match frame.opcode() {
        Opcode::CONTINUATION => [0, bytes, 0, 1],
        opcode if opcode.is_control() => [0, bytes, 1, 0],
        _ => [1, bytes, 0, 0],
    }
}

impl Meters {
    /// Takes all that is requested, or nothing.
    pub(crate) fn take(&self, cells: &mut Cells, demand: &Demand, now: u64) -> Result<(), Over> {
        // Asked on a copy. All kinds must allow it before any of them changes, or a frame that is refused for its bytes
        // would still have used up a message.
        let (after, over) = self.ask(cells, demand, now);
        if let Some(over) = over {
            return Err(over);
        }
        *cells = after;
        Ok(())
    }

    /// Takes what is requested ahead of its time. Returns when it is there.
    pub(crate) fn reserve(&self, cells: &mut Cells, demand: &Demand, now: u64) -> u64 {
        let (after, over) = self.ask(cells, demand, now);
        // Written although there is not enough: the state runs ahead of the clock, so that the next to reserve queues
        // up behind this one. A delay is kept in order by that alone.
        *cells = after;
        over.map_or(now, |over| over.ready)
    }

    pub(crate) fn give_back(&self, cells: &mut Cells, demand: &Demand) {
        for (meter, (full_at, asked)) in self.0.iter().zip(cells.iter_mut().zip(demand)) {
            if let Some(meter) = meter {
                // A state below `now` means "full", however far below, so giving back to a state that has refilled
                // meanwhile gains the client nothing.
                *full_at = full_at.saturating_sub(meter.cost(*asked));
            }
        }
    }

    pub(crate) fn ask(&self, cells: &Cells, demand: &Demand, now: u64) -> (Cells, Option<Over>) {
        let (mut after, mut over) = (*cells, None::<Over>);
        // By place: an iterator over the kinds costs a message more instructions.
        for at in 0..KINDS {
            let (Some(meter), asked @ 1..) = (self.0[at], demand[at]) else { continue };
            after[at] = meter.after(cells[at], asked, now);
            let ready = meter.ready(after[at]);
            if ready > now {
                let kind = Kind::ALL[at];
                let over = over.get_or_insert(Over { kind, ready, never: false, too_big: false, cause: Cause::Quota });
                over.ready = over.ready.max(ready);
                over.never |= meter.exceeds_burst(asked);
                over.too_big |= kind == Kind::Bytes && meter.exceeds_burst(asked);
            }
        }
        (after, over)
    }

    /// How long a state takes to be full again at most.
    pub(crate) fn period(&self) -> u64 {
        self.0.iter().flatten().map(|meter| meter.period()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_at_its_own_place() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{kind:?}");
        }
    }
}
