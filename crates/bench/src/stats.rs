//! Medians and their spread.

/// The middle of what was measured, and its extremes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), low: at(0), high: at(values.len().saturating_sub(1)) }
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
