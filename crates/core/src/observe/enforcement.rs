//! What the guard does about a violation, as a label of metrics.

/// What was done about a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enforcement {
    Close,
    Abort,
    Drop,
    Delay,
}

/// The name of the framing rules where policies have theirs.
pub(crate) const FRAMING: &str = "framing";

#[cfg(any(feature = "metrics", feature = "observer", feature = "tracing"))]
impl Enforcement {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Abort => "abort",
            Self::Drop => "drop",
            Self::Delay => "delay",
        }
    }
}
