//! How many connections a key may have, and what makes room for one more.

/// How many connections there may be of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub(crate) max: usize,
    pub(crate) evict: bool,
    /// Those that gave up their permits count where others want them, as long as their handlers work.
    pub(crate) work: bool,
}

impl Limit {
    /// Allows `max` connections of a key; more are refused. Zero means that none is allowed.
    pub const fn new(max: usize) -> Self {
        Self { max, evict: false, work: false }
    }

    /// Beyond that, the oldest makes room as soon as the newcomer's handshake is accepted. This bounds connections, and
    /// not the handlers that work on after theirs was closed:
    /// [`until_handler_returns`](crate::ConnectionLimitLayer::until_handler_returns) bounds both.
    ///
    /// Those that were replaced count towards the limit of the whole server until they have ended, which they do soon,
    /// but for HTTP/2 streams whose clients take nothing of what was sent to them. Newcomers are refused while 32 such
    /// are left, or as many as the limit if that is more.
    pub const fn evict_oldest(self) -> Self {
        Self { evict: true, ..self }
    }
}

impl Limit {
    /// As many, and those beyond that are refused.
    pub(crate) const fn refusing(self) -> Self {
        Self { evict: false, ..self }
    }
}

impl From<usize> for Limit {
    fn from(max: usize) -> Self {
        Self::new(max)
    }
}
