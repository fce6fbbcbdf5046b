//! What depends on a connection: values that it holds until it has ended, and watchers that are notified of it.
//!
//! They are in one list, behind one lock, so that the end takes them all in one step. What is taken out is returned to
//! the caller, which drops it after it has unlocked: a destructor may call the handle, and a registry that is notified
//! takes locks of its own.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use crate::id::ConnectionId;
#[cfg(feature = "observer")]
use crate::observe::Describe;

/// The values and watchers that depend on a connection, each behind one pointer and what it does. Only the last places
/// may be empty.
#[derive(Default)]
pub(super) struct Bonds(Box<[Option<Arc<dyn Bond>>]>);

/// Something that depends on a connection: it is dropped when that has ended.
pub(crate) trait Bond: Send + Sync {
    /// It is dropped when the handler is done instead.
    fn is_for_handler(&self) -> bool {
        false
    }

    /// Itself, if it is to be notified.
    fn watch(&self) -> Option<&dyn Watch> {
        None
    }

    /// Itself, if it is asked what it knows of the connection.
    #[cfg(feature = "observer")]
    fn describe(&self) -> Option<&dyn Describe> {
        None
    }
}

/// A value that a connection holds and others do as well: see
/// [`Connection::hold_shared`](crate::Connection::hold_shared).
pub trait Held: Send + Sync + 'static {}

impl<T: Held> Bond for T {}

/// A value that only the connection holds. Only its end matters.
pub(super) struct Own<T> {
    /// Never locked: it makes a value that may be sent to another thread one that may be there.
    _value: Mutex<T>,
    for_handler: bool,
}

impl<T> Own<T> {
    pub(super) fn new(value: T, for_handler: bool) -> Self {
        Self { _value: Mutex::new(value), for_handler }
    }
}

impl<T: Send> Bond for Own<T> {
    fn is_for_handler(&self) -> bool {
        self.for_handler
    }
}

/// What a layer knows of a connection, for the observer.
#[cfg(feature = "observer")]
pub(super) struct Describes<D>(pub(super) D);

#[cfg(feature = "observer")]
impl<D: Describe> Bond for Describes<D> {
    fn describe(&self) -> Option<&dyn Describe> {
        Some(&self.0)
    }
}

/// Is notified when a client address or a subject becomes known, if it wants that, and of the end.
pub(crate) trait Watch: Send + Sync {
    /// Whether it is to be notified of facts, and not only of the end. Asked under the connection's lock of its bonds:
    /// one that begins to want them looks at what is known after [`ConnectionInner::pass_facts`].
    ///
    /// [`ConnectionInner::pass_facts`]: super::ConnectionInner::pass_facts
    fn wants_facts(&self) -> bool {
        true
    }

    fn known(&self, id: ConnectionId, what: Known);

    /// The connection has ended. Called once.
    fn ended(&self, id: ConnectionId);
}

/// A fact that becomes known about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Client,
    Subject,
}

impl Known {
    pub(crate) const ALL: [Self; 2] = [Self::Client, Self::Subject];
}

impl fmt::Debug for Bonds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bonds").field("len", &self.iter().count()).finish()
    }
}

impl Bonds {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Bond>> {
        self.0.iter().flatten()
    }

    /// With room for four at first, as many as a connection of a registry, a drain and two limits has, and then for two
    /// more each time: it keeps them for long.
    pub(super) fn push(&mut self, bond: Arc<dyn Bond>) {
        if self.0.is_empty() {
            self.0 = Box::new([const { None }; 4]);
        }
        if let Some(free) = self.0.iter_mut().find(|place| place.is_none()) {
            *free = Some(bond);
            return;
        }
        let mut bonds = std::mem::take(&mut self.0).into_vec();
        bonds.reserve_exact(2);
        bonds.extend([Some(bond), None]);
        self.0 = bonds.into();
    }

    /// Takes out what is to be dropped, for the caller to drop after unlocking.
    pub(super) fn take(&mut self, wanted: impl Fn(&dyn Bond) -> bool) -> Self {
        // Without an allocation if nothing is taken, or nothing stays.
        if !self.iter().any(|bond| wanted(bond.as_ref())) {
            return Self::default();
        }
        let all = std::mem::take(self);
        if all.iter().all(|bond| wanted(bond.as_ref())) {
            return all;
        }
        let mut taken = Self::default();
        for bond in all.0.into_vec().into_iter().flatten() {
            let of = if wanted(bond.as_ref()) { &mut taken } else { &mut *self };
            of.push(bond);
        }
        taken
    }
}
