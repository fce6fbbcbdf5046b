//! Where a reader stands in the stream, and whether the stream still has what it has not read.
//!
//! A stream is cut at its old end, and a server that lost its data begins a new one. A reader must notice both, because
//! it would otherwise take silence for "nothing was revoked".

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The stream is trimmed to about this many entries. At least ten times as many as are read at once.
pub(super) const MAX_ENTRIES: u64 = 100_000;

/// Of an entry of a stream: milliseconds of the server's clock, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Id(u64, u64);

impl Id {
    /// Before all.
    pub(super) const ZERO: Self = Self(0, 0);

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        Some(Self(millis.parse().ok()?, number.parse().ok()?))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

/// What a stream has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) first: Option<Id>,
    /// The last that was ever given out.
    pub(super) last: Id,
    pub(super) entries: u64,
}

/// What became of a stream since it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Continuity {
    /// It is looked at for the first time.
    New,
    /// It has all that was not read.
    Whole,
    /// Entries that were not read may have been cut off.
    Gap,
    /// It is another one: the old one is lost.
    Lost,
}

/// Where a reader stands.
#[derive(Debug, Default)]
pub(super) struct Position {
    cursor: Option<Id>,
    /// Where it stood when the stream was last looked at. That entry, or the one behind it, is in the stream still
    /// unless something was cut off.
    looked: Id,
}

impl Position {
    /// The last entry that was read.
    pub(super) fn cursor(&self) -> Id {
        self.cursor.unwrap_or_default()
    }

    pub(super) fn read(&mut self, id: Id) {
        self.cursor = Some(id);
        if self.looked == Id::ZERO {
            // The first of a stream that was not there.
            self.looked = id;
        }
    }

    /// Looks at the stream, and stands where reading goes on: what is new to a reader begins at the end, and a lost
    /// stream is read from the beginning of the one that has taken its place. `is_lost` says that the data is known to
    /// be another: ids alone do not always show it, because the new stream may have passed the cursor already, or begin
    /// before it where the server's clock was set back.
    ///
    /// Nothing was cut off unread if the first entry is not behind where the reader stood when it last looked. That may
    /// be too strict, which costs a reading of the set, and never too lax.
    pub(super) fn look(&mut self, extent: Extent, is_lost: bool) -> Continuity {
        let Extent { first, last, entries } = extent;
        let found = match (self.cursor, first) {
            // Nothing was heard that could have been missed. What was revoked before is in the set.
            (None, _) => Continuity::New,
            (Some(_), _) if is_lost => Continuity::Lost,
            (Some(cursor), _) if cursor > last => Continuity::Lost,
            (Some(cursor), None) if cursor == last => Continuity::Whole,
            (Some(_), Some(first)) if first <= self.looked => Continuity::Whole,
            // There was none: all that has come since is there, as long as it cannot have been cut.
            (Some(Id::ZERO), Some(_)) if entries < MAX_ENTRIES => Continuity::Whole,
            // This is also what a stream looks like that has taken the place of a lost one, of which some was read.
            _ => Continuity::Gap,
        };
        match found {
            Continuity::New => self.cursor = Some(last),
            Continuity::Lost => self.cursor = Some(Id::ZERO),
            Continuity::Whole | Continuity::Gap => {}
        }
        // What was cut off before is known: only what is cut off from here on is another gap.
        self.looked = if found == Continuity::Gap { first.unwrap_or(last) } else { self.cursor() };
        found
    }
}

/// The server's clock, as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// When the answer came.
    pub(super) here: Instant,
    pub(super) there: u64,
}

impl Clock {
    /// The latest time here at which an entry can have been added: when the answer came, the server's clock said this
    /// or more. A millisecond for what its own clock leaves out.
    pub(super) fn latest(self, id: Id) -> Option<Instant> {
        let millisecond = Duration::from_millis(1);
        if id.0 >= self.there {
            return self.here.checked_add(Duration::from_millis(id.0 - self.there) + millisecond);
        }
        self.here.checked_add(millisecond)?.checked_sub(Duration::from_millis(self.there - id.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(first: Option<u64>, last: u64, entries: u64) -> Extent {
        Extent { first: first.map(|millis| Id(millis, 0)), last: Id(last, 0), entries }
    }

    #[test]
    fn a_reader_finds_out_what_it_missed() {
        for (case, extents, found, cursor) in [
            ("begins at the end", vec![extent(Some(1), 9, 9)], Continuity::New, 9),
            ("nothing came", vec![extent(Some(1), 9, 9), extent(Some(1), 9, 9)], Continuity::Whole, 9),
            ("some came", vec![extent(Some(1), 9, 9), extent(Some(3), 12, 9)], Continuity::Whole, 9),
            (
                "some came, and nothing before is left",
                vec![extent(Some(1), 9, 9), extent(Some(10), 12, 9)],
                Continuity::Gap,
                9,
            ),
            ("some came and are gone", vec![extent(Some(1), 9, 9), extent(None, 12, 0)], Continuity::Gap, 9),
            ("all was read and is gone", vec![extent(Some(1), 9, 9), extent(None, 9, 0)], Continuity::Whole, 9),
            ("the stream is gone", vec![extent(Some(1), 9, 9), extent(None, 0, 0)], Continuity::Lost, 0),
            ("another stream", vec![extent(Some(1), 9, 9), extent(Some(4), 5, 2)], Continuity::Lost, 0),
            ("the first entry ever", vec![extent(None, 0, 0), extent(Some(4), 5, 2)], Continuity::Whole, 0),
            ("more than fit", vec![extent(None, 0, 0), extent(Some(4), 200_000, MAX_ENTRIES)], Continuity::Gap, 0),
        ] {
            let mut position = Position::default();
            let last = extents.into_iter().map(|extent| position.look(extent, false)).last();
            assert_eq!((last, position.cursor()), (Some(found), Id(cursor, 0)), "{case}");
        }
    }

    #[test]
    fn what_was_read_in_the_meantime_does_not_hide_a_gap() {
        let mut position = Position::default();
        position.look(extent(Some(1), 9, 9), false);
        position.read(Id(20, 0));
        assert_eq!(position.look(extent(Some(20), 30, 10), false), Continuity::Gap);
        assert_eq!(position.look(extent(Some(20), 30, 10), false), Continuity::Whole, "it is known");
        let mut new = Position::default();
        new.look(extent(None, 0, 0), false);
        new.read(Id(20, 0));
        assert_eq!(new.look(extent(Some(20), 30, 10), false), Continuity::Whole);
        let mut lost = Position::default();
        lost.look(extent(None, 0, 0), false);
        lost.read(Id(20, 0));
        assert_eq!(
            lost.look(extent(Some(25), 30, 2), false),
            Continuity::Gap,
            "another stream, begun before anybody looked"
        );
        let mut lost = Position::default();
        lost.look(extent(Some(1), 9, 9), false);
        lost.read(Id(12, 0));
        assert_eq!(lost.look(extent(Some(12), 12, 1), false), Continuity::Gap, "another stream, all of which was read");
        position.read(Id(25, 0));
        assert_eq!(position.look(extent(Some(20), 30, 10), false), Continuity::Whole);
    }

    #[test]
    fn an_entry_is_not_older_than_it_is() {
        let here = Instant::now() + Duration::from_secs(1_000);
        let clock = Clock { here, there: 5_000 };
        let millis = Duration::from_millis;
        assert_eq!(clock.latest(Id(5_000, 7)), Some(here + millis(1)));
        assert_eq!(clock.latest(Id(5_300, 0)), Some(here + millis(301)));
        assert_eq!(clock.latest(Id(4_000, 0)), here.checked_sub(millis(999)));
        assert_eq!(Id::parse(&Id(7, 1).to_string()), Some(Id(7, 1)));
        for wrong in ["", "1", "-", "1-", "a-1", "1-1-1"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
