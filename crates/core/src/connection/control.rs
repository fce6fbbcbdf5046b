//! What the handle asks of the live connection. A trait, because the handle has no type parameter for the transport.
//!
//! The handle outlives the transport, and is in the hands of every layer and of the application, so it must not depend
//! on the type of either. The methods are few, and each is one critical section: a caller can be preempted between two
//! of them, and never within one.

use std::{sync::Arc, time::Duration};

use super::{ConnectionInner, Status};
use crate::{
    close::CloseFrame,
    counters::Counters,
    gate::Gate,
    identity::Subject,
    policy::Policy,
    settings::{Grace, Settings},
};

/// What a handle may ask of a connection, whatever its transport. Each method but the first locks the state.
///
/// Methods that may have to spawn a driver take an `Arc`, which the driver keeps.
pub(crate) trait Control: Send + Sync {
    fn inner(&self) -> &ConnectionInner;
    fn close(self: Arc<Self>, frame: CloseFrame, grace: Option<Grace>);
    fn abort(self: Arc<Self>);
    /// The supervised handler has returned, and its result means `frame`.
    fn finish(self: Arc<Self>, frame: CloseFrame);
    /// From now on `finish` decides how the connection closes, and not the drop of the handler's half.
    fn supervised(&self);
    /// Notifies the policies of the subject.
    fn authenticated(self: Arc<Self>, subject: &Subject);
    fn counters(&self) -> Counters;
    fn status(&self) -> Status;
    fn round_trip(&self) -> Option<Duration>;
    fn install_outermost(&self, policy: Box<dyn Policy>);
    fn allow_compression(&self);
    /// Sets the settings, unless an outer layer has.
    fn configure(&self, settings: &Arc<Settings>);
    /// Installs a gate. Returns whether it is the only one.
    fn hold(&self, gate: Gate) -> bool;
}
