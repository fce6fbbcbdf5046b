//! Operators, and the authorizer that identifies them.

use std::{fmt, sync::Arc};

use http::request::Parts;
use portcullis_core::Decision;

/// An operator of the console, as returned by the application's authorizer.
///
/// The name is shown on the page and logged with each of the operator's actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    name: Arc<str>,
    read_only: bool,
}

impl Operator {
    /// Creates an operator that may do everything the console [allows](crate::Console::allow_actions).
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), read_only: false }
    }

    /// Lets this operator look but not act.
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns true if this operator may only look.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}

type Ask = dyn Fn(&Parts) -> Decision<Option<Operator>> + Send + Sync;

/// A console without an authorizer. It is not a service, so it cannot be mounted.
#[derive(Debug, Clone, Copy)]
pub struct Unauthorized(());

impl Unauthorized {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

/// A console with an authorizer: see [`Console::authorize`](crate::Console::authorize).
#[derive(Clone)]
pub struct Authorized(Arc<Ask>);

impl Authorized {
    pub(crate) fn new(ask: impl Fn(&Parts) -> Decision<Option<Operator>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(crate) fn ask(&self, parts: &Parts) -> Decision<Option<Operator>> {
        (self.0)(parts)
    }
}

impl fmt::Debug for Authorized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized").finish_non_exhaustive()
    }
}
