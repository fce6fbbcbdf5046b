//! What the handle asks of the live connection, whose transport it does not know.

use std::{sync::Arc, time::Duration};

use crate::{
    close::CloseFrame,
    counters::Counters,
    gate::Gate,
    identity::Subject,
    policy::Policy,
    settings::{Grace, Settings},
};

/// What a handle may ask of a connection, whatever its transport.
pub(crate) trait Control: Send + Sync {
    fn close(self: Arc<Self>, frame: CloseFrame, grace: Option<Grace>);
    fn abort(self: Arc<Self>);
    fn finish(self: Arc<Self>, frame: CloseFrame);
    /// A handler that drops its socket has yet to say what that means.
    fn supervised(&self);
    fn authenticated(self: Arc<Self>, subject: &Subject);
    fn counters(&self) -> Counters;
    fn round_trip(&self) -> Option<Duration>;
    fn install_outermost(&self, policy: Box<dyn Policy>);
    fn allow_compression(&self);
    /// Sets what holds, unless that was set already.
    fn configure(&self, settings: &Arc<Settings>);
    /// Says whether it is the only one.
    fn hold(&self, gate: Gate) -> bool;
}
