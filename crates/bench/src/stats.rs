//! Medians and their spread.

/// The middle of what was measured, and its extremes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// From the lowest to the highest.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self::within(values, |count| count.saturating_sub(1))
    }

    /// From the lower to the upper quartile.
    pub(crate) fn quartiles(values: impl IntoIterator<Item = f64>) -> Self {
        Self::within(values, |count| count.saturating_sub(1) - count / 4)
    }

    /// Up to the value that has this place of so many, and from the one that has it from above.
    fn within(values: impl IntoIterator<Item = f64>, high: impl Fn(usize) -> usize) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (at, high) = (|index: usize| values.get(index).copied().unwrap_or(f64::NAN), high(values.len()));
        Self { median: at(values.len() / 2), low: at(values.len().saturating_sub(1) - high), high: at(high) }
    }
}

/// What one round measured: what is compared with, and two others.
pub(crate) type Round = [f64; 3];

/// One side over the rounds.
pub(crate) fn column(rounds: &[Round], side: usize) -> Spread {
    Spread::of(rounds.iter().map(|round| round[side]))
}

/// One side over bare, round by round.
pub(crate) fn ratio(rounds: &[Round], side: usize) -> Spread {
    Spread::of(rounds.iter().map(|round| round[side] / round[0]))
}

/// One side less bare, round by round.
pub(crate) fn added(rounds: &[Round], side: usize) -> Spread {
    Spread::of(rounds.iter().map(|round| round[side] - round[0]))
}
