//! The settings of a layer, kept as they were given. What several of them mean together is resolved when the shared
//! state is built, so that no call of the builder undoes another.

use std::{mem::discriminant, num::NonZeroU32, time::Duration};

use portcullis_quota::{ByteQuota, Meter, Quota};

use crate::{
    cells::{Kind, Meters},
    cluster::Sharing,
    excess::Enforcement,
    key::Scope,
};

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) messages: Option<Quota>,
    pub(crate) bytes: Option<ByteQuota>,
    pub(crate) control: Option<Quota>,
    /// By default 64 times that of messages.
    pub(crate) continuations: Option<Quota>,
    /// By default each connection's own.
    pub(crate) scope: Option<Scope>,
    pub(crate) require_subject: bool,
    pub(crate) ipv6_prefix: u8,
    pub(crate) max_keys: usize,
    pub(crate) enforcement: Enforcement,
    pub(crate) sharing: Option<Sharing>,
    /// Messages that are bought at once.
    pub(crate) block: Option<u32>,
}

impl Settings {
    /// The defaults, with these quotas.
    pub(crate) fn new(messages: Option<Quota>, bytes: Option<ByteQuota>, control: Option<Quota>) -> Self {
        Self {
            messages,
            bytes,
            control,
            continuations: None,
            scope: None,
            require_subject: false,
            ipv6_prefix: 64,
            max_keys: 1_000_000,
            enforcement: Enforcement::default(),
            sharing: None,
            block: None,
        }
    }

    /// Sets the scope. Two of them contradict each other.
    #[track_caller]
    pub(crate) fn count_by(&mut self, scope: Scope) {
        let other = self.scope.as_ref().is_some_and(|other| discriminant(other) != discriminant(&scope));
        assert!(!other, "messages are counted by one thing: use a layer for each");
        self.scope = Some(scope);
    }

    pub(crate) fn meters(&self) -> Meters {
        let mut meters = Meters::default();
        meters.0[Kind::Messages] = self.messages.map(Meter::from);
        meters.0[Kind::Bytes] = self.bytes.map(Meter::from);
        meters.0[Kind::Control] = self.control.map(Meter::from);
        let continuations = self.continuations.or(self.messages.map(continuations));
        meters.0[Kind::Continuations] = continuations.map(Meter::from);
        meters
    }

    /// What is wrong with settings that contradict each other, whatever the order of calls.
    pub(crate) fn contradiction(&self) -> Option<&'static str> {
        let messages = self.messages.map(|quota| quota.burst_size().get());
        if self.sharing.is_none() {
            return self.block.map(|_| "a block is bought of a quota that is shared: `MessageRateLayer::shared`");
        }
        let Some(burst) = messages else {
            return Some("quotas of messages are shared between nodes, and a limit of bytes alone has none");
        };
        if !self.scope().is_shared() {
            return Some("a quota that each connection has for itself is not shared between nodes: say whose it is");
        }
        self.block.filter(|block| *block > burst).map(|_| "a block is not more than the burst")
    }

    /// The scope that counts. A required subject is a restriction: no other scope lifts it.
    pub(crate) fn scope(&self) -> Scope {
        if self.require_subject {
            return Scope::Subject { required: true };
        }
        self.scope.clone().unwrap_or(Scope::Connection)
    }
}

/// What continuations may be where messages have this quota, unless they have one of their own: 64 times as many.
pub(crate) fn continuations(messages: Quota) -> Quota {
    let interval = (messages.replenish_interval() / 64).max(Duration::from_nanos(1));
    let faster = Quota::with_period(interval).unwrap_or(messages);
    faster.allow_burst(messages.burst_size().saturating_mul(NonZeroU32::MIN.saturating_add(63)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_have_sixty_four_times_the_messages_quota() {
        let count = |cells| NonZeroU32::new(cells).unwrap();
        let quota = continuations(Quota::per_second(count(10)).allow_burst(count(20)));
        assert_eq!((quota.burst_size().get(), quota.replenish_interval()), (1280, Duration::from_nanos(1_562_500)));
    }
}
